"""Show every recipe, architecture, data set and figure there is."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from service.manifest import Manifest
from training import catalogue
from training.commands._options import add_folders
from training.commands._tables import Column, show
from training.recipe import Recipe

_TEXTS: tuple[Column, ...] = ("name", "left"), ("what it is", "left")


def add(parser: argparse.ArgumentParser, words: Sequence[str]) -> None:
    """Where exports are."""
    del words
    add_folders(parser, runs=False)


def run(given: argparse.Namespace) -> int:
    """Print one table a kind, none of which needs TensorFlow."""
    show(
        "Recipes (measured on the test set, as the newest export says)",
        [
            ("name", "left"),
            ("data set", "left"),
            ("architecture", "left"),
            ("export", "left"),
            ("measured", "right"),
            ("what it says", "left"),
        ],
        _recipes(given.models_dir),
    )
    show(
        "Architectures",
        [("name", "left"), ("variants", "left"), ("what it is", "left")],
        (
            (name, ", ".join(catalogue.variants(name)), catalogue.summary("architecture", name))
            for name in catalogue.names("architecture")
        ),
    )
    show("Data sets", _TEXTS, _summaries("dataset"))
    show("Figures", _TEXTS, _summaries("illustration"))
    return 0


def _summaries(kind: catalogue.Kind) -> Iterator[tuple[str, str]]:
    return ((name, catalogue.summary(kind, name)) for name in catalogue.names(kind))


def _recipes(models_dir: Path) -> Iterator[tuple[str, ...]]:
    for name in catalogue.names("recipe"):
        recipe: Recipe = catalogue.get("recipe", name)
        parts = (each.replace("_", "-") for each in (recipe.dataset, recipe.architecture))
        export = _newest(models_dir / name)
        exported = (export.name, _measured(export)) if export else ("–", "–")
        yield (name, *parts, *exported, recipe.description)


def _newest(folder: Path) -> Path | None:
    versions = [path for path in folder.glob("*") if path.name.isdecimal()]
    return max(versions, key=lambda path: int(path.name), default=None)


def _measured(export: Path) -> str:
    try:
        metrics = Manifest.read(export).metrics
    except (OSError, ValueError) as error:
        return f"unreadable: {type(error).__name__}"
    return headline(metrics)


def headline(metrics: Mapping[str, float]) -> str:
    """The first thing that was measured on the test set: an accuracy in percent, else by name."""
    for name, value in metrics.items():
        what = name.removeprefix("test_").replace("_", " ")
        if what == "accuracy":
            return f"{value:.2%}".replace("%", " %")
        if name.startswith("test_"):
            return f"{what} {value:.4g}"
    return "–"
