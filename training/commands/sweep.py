"""Train a recipe at every point of a grid of knobs, and compare by validation."""

from __future__ import annotations

import argparse
import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from training.commands._options import (
    add_folders,
    add_knobs,
    add_recipe,
    add_verbose,
    given_knobs,
)
from training.commands._quiet import import_tensorflow
from training.commands._tables import show
from training.errors import TrainingFailed, UsageError
from training.recipe import KnobValue, Recipe

if TYPE_CHECKING:
    from training.running.sweep import Outcome

Values = Mapping[str, Sequence[KnobValue]]

_REPEATS = "seed"
"""The knob whose values repeat a point instead of making another."""


def add(parser: argparse.ArgumentParser, words: Sequence[str]) -> None:
    """RECIPE, folders, and its knobs, each with one value or several, parted by commas."""
    recipe = add_recipe(parser, words)
    add_folders(parser)
    add_verbose(parser)
    parser.add_argument("--jobs", type=int, default=1, help="points trained at a time (1)")
    parser.add_argument(
        "--export-best", action="store_true", help="train the best point again and export it"
    )
    if recipe is not None:
        add_knobs(parser, recipe, several=True)


def run(given: argparse.Namespace) -> int:
    """Sweep, print the table with the best first, draw the figure."""
    from training.running.sweep import grid, sweep  # noqa: PLC0415 — only this command needs it

    recipe: Recipe = given.recipe
    values: Values = given_knobs(given, recipe)
    swept = {name: several for name, several in values.items() if len(several) > 1}
    if not swept:
        raise UsageError("give a knob several values, parted by commas: --learning-rate 1e-3,3e-3")
    if given.jobs < 1:
        raise UsageError(f"--jobs is at least 1; got {given.jobs}")
    points = grid(recipe, values)
    prepare = functools.partial(import_tensorflow, verbose=given.verbose)
    prepare()
    folder = given.runs_dir / recipe.name / "sweep"
    outcomes = sweep(points, folder, jobs=given.jobs, prepare=prepare)
    ranked = sorted(zip(points, outcomes, strict=True), key=lambda pair: pair[1].rank())
    _print(recipe.name, swept, ranked)
    print(f"table: {folder / 'sweep.csv'}")
    if ranked[0][1].failure:
        raise TrainingFailed("every point failed, for the reasons in the table")
    _draw(folder / "sweep.png", recipe.name, swept, outcomes)
    if given.export_best:
        _export(ranked[0][0], given.models_dir, given.runs_dir)
    return 0


def _print(name: str, swept: Values, ranked: Sequence[tuple[Recipe, Outcome]]) -> None:
    measure = ranked[0][1].measure
    rows = [
        (
            *(f"{getattr(point, knob)}" for knob in swept),
            "–" if outcome.failure else f"{outcome.value:.4f}",
            "–" if outcome.failure else str(outcome.epoch),
            f"{outcome.minutes:.1f}",
            outcome.failure,
        )
        for point, outcome in ranked
    ]
    show(
        f"{name}: {len(rows)} points, the best validation {measure} first",
        [
            *((knob, "right") for knob in swept),
            (measure, "right"),
            ("epoch", "right"),
            ("minutes", "right"),
            ("", "left"),
        ],
        rows,
    )


def _draw(path: Path, name: str, swept: Values, outcomes: Sequence[Outcome]) -> None:
    import numpy as np  # noqa: PLC0415 — here alone

    from training.running.sweep_plots import MOST_KNOBS, save_sweep  # noqa: PLC0415 — as TensorFlow

    axes = [knob for knob in swept if knob != _REPEATS] or [_REPEATS]
    if len(axes) > MOST_KNOBS:
        print(f"no figure: it shows {MOST_KNOBS} knobs at most, and {len(axes)} were swept")
        return
    sizes = [len(several) for several in swept.values()]
    measured = np.array([outcome.value for outcome in outcomes]).reshape(sizes)
    knobs = list(swept)
    measured = measured.transpose([*map(knobs.index, axes), *_others(knobs, axes)])
    measured = measured.reshape([*(len(swept[knob]) for knob in axes), -1])
    best = min(outcomes, key=lambda outcome: outcome.rank())
    values = {knob: swept[knob] for knob in axes}
    save_sweep(path, values, measured, measure=best.measure, title=name)
    print(f"figure: {path}")


def _others(knobs: list[str], axes: list[str]) -> list[int]:
    return [index for index, knob in enumerate(knobs) if knob not in axes]


def _export(best: Recipe, models_dir: Path, runs_dir: Path) -> None:
    from training.running.run import run  # noqa: PLC0415 — imports TensorFlow

    print(f"export: {run(best, models_dir=models_dir, runs_dir=runs_dir).export}")
