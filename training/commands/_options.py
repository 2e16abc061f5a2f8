"""Arguments that several commands share."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from training import catalogue
from training.recipe import Knob, KnobValue, Recipe, knobs


def add_folders(parser: argparse.ArgumentParser, *, models: bool = True, runs: bool = True) -> None:
    """`--models-dir` and `--runs-dir`."""
    add = parser.add_argument
    if models:
        add("--models-dir", type=Path, default=Path("models"), help="where exports are (models)")
    if runs:
        add("--runs-dir", type=Path, default=Path("runs"), help="where figures go (runs)")


def add_verbose(parser: argparse.ArgumentParser) -> None:
    """`--verbose`, of every command that imports TensorFlow."""
    parser.add_argument("--verbose", action="store_true", help="let TensorFlow say what it does")


def add_recipe(parser: argparse.ArgumentParser, words: Sequence[str]) -> Recipe | None:
    """The argument RECIPE; returns the one that `words` name, if they do.

    Raises:
        UsageError: the first of the words names no recipe.
    """
    known = catalogue.names("recipe")
    parser.add_argument("recipe", metavar="RECIPE", help="what to train", type=_recipe)
    named = next((word for word in words if word in known), None)
    if named is None and words and not words[0].startswith("-"):
        named = words[0]
    if named is None:
        width = max(map(len, known))
        rows = [f"  {name:<{width}}  {_recipe(name).description}" for name in known]
        parser.epilog = "\n".join(
            ["recipes:", *rows, "", f"{parser.prog} RECIPE --help: its knobs"]
        )
        return None
    recipe = _recipe(named)
    parser.description = recipe.description
    return recipe


def add_knobs(parser: argparse.ArgumentParser, recipe: Recipe, *, several: bool = False) -> None:
    """An option for every knob, in the groups of the recipe; only what is given is in the result.

    Args:
        several: take several values for each, parted by commas.
    """
    about = knobs(type(recipe))
    groups = {one.group: parser.add_argument_group(one.group) for one in about}
    for one in about:
        default = getattr(recipe, one.name)
        groups[one.group].add_argument(
            f"--{one.name.replace('_', '-')}",
            dest=one.name,
            type=_Several(one) if several else one.type,
            choices=None if several else one.choices or None,
            metavar=("|".join(one.choices) or one.type.__name__) + (",…" if several else ""),
            default=argparse.SUPPRESS,
            help=f"{one.help} (default: {default})".replace("%", "%%"),
        )


def given_knobs(given: argparse.Namespace, recipe: Recipe) -> dict[str, Any]:
    """The knobs that were given, by name."""
    names = {one.name for one in knobs(type(recipe))}
    return {name: value for name, value in vars(given).items() if name in names}


def _recipe(name: str) -> Recipe:
    recipe: Recipe = catalogue.get("recipe", name)
    return recipe


class _Several:
    """Reads `1e-3,3e-3` as the values of a knob, each once, and refuses what cannot be."""

    def __init__(self, about: Knob) -> None:
        self.about = about
        self.__name__ = f"{about.type.__name__},…"  # which argparse says of a wrong one

    def __call__(self, text: str) -> tuple[KnobValue, ...]:
        values = tuple(dict.fromkeys(self.about.type(part.strip()) for part in text.split(",")))
        for value in values:
            self.about.check(value)
        return values
