"""Measure exports again, from their SavedModels, and compare with what they promise."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from training import catalogue
from training.commands._options import add_verbose
from training.commands._quiet import import_tensorflow
from training.commands._tables import show
from training.errors import TrainingError, UsageError

if TYPE_CHECKING:
    from training.running.evaluate import Measure


def add(parser: argparse.ArgumentParser, words: Sequence[str]) -> None:
    """The exports, and the data set of those that do not tell."""
    del words
    add = parser.add_argument
    add("exports", nargs="*", type=Path, metavar="FOLDER", help="such as models/mnist-lenet5/1")
    add("--all", action="store_true", help="every version of every model there is")
    add("--models-dir", type=Path, default=Path("models"), help="where --all looks (models)")
    add("--dataset", metavar="NAME", help="whose test set (default: that of the export's recipe)")
    add_verbose(parser)


def run(given: argparse.Namespace) -> int:
    """Print a table for each export; 1 if one is not what it promises, or cannot be measured."""
    if given.all == bool(given.exports):
        raise UsageError("name exports, or say --all")
    exports = given.exports or _all(given.models_dir)
    if not exports:
        raise UsageError(f"{given.models_dir} holds no exports")
    if given.dataset is not None and given.dataset.replace("_", "-") not in (
        known := catalogue.names("dataset")
    ):
        raise UsageError(catalogue.unknown("data set", given.dataset, known))
    import_tensorflow(verbose=given.verbose)
    if len(exports) == 1:
        return 0 if _holds(exports[0], given.dataset) else 1
    return 1 if sum([not _goes_on(each, given.dataset) for each in exports]) else 0


def _all(models_dir: Path) -> list[Path]:
    found = (path for path in models_dir.glob("*/*") if path.name.isdecimal() and path.is_dir())
    return sorted(found, key=lambda path: (path.parent.name, int(path.name)))


def _goes_on(export: Path, dataset: str | None) -> bool:
    """Whether an export holds; one that cannot be measured does not keep the others."""
    try:
        return _holds(export, dataset)
    except TrainingError as error:
        print(f"error: {error}", file=sys.stderr)
        return False


def _holds(export: Path, dataset: str | None) -> bool:
    from training.running.evaluate import evaluate  # noqa: PLC0415 — imports TensorFlow

    measures = evaluate(export, dataset)
    show(
        f"{export}: {measures[0].num_examples:,} test examples",
        [("", "left"), ("promised", "right"), ("measured", "right"), ("", "left")],
        map(_row, measures),
    )
    broken = [each for each in measures if not each.holds]
    for each in broken:
        print(
            f"error: {export} promises a {each.name} of {each.promised:g} and has "
            f"{each.measured:g}, more than {each.allowed:.2g} apart",
            file=sys.stderr,
        )
    return not broken


def _row(measure: Measure) -> tuple[str, ...]:
    promised = "–" if measure.promised is None else f"{measure.promised:g}"
    verdict = "" if measure.promised is None else "holds" if measure.holds else "does not hold"
    return measure.name, promised, f"{measure.measured:g}", verdict
