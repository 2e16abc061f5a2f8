"""Give an export a conversion in 8-bit integers, if it costs no accuracy to speak of."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from training.commands._options import add_verbose
from training.commands._quiet import import_tensorflow
from training.commands._tables import show


def add(parser: argparse.ArgumentParser, words: Sequence[str]) -> None:
    """The export, and the data set of one that does not tell."""
    del words
    parser.epilog = (
        "Makes the next version of the model, the same in every other way. The service takes int8 "
        "where an export has it (PRECISION=auto). Refused where the test accuracy falls by more "
        "than 0.1 points."
    )
    add = parser.add_argument
    add("export", type=Path, metavar="FOLDER", help="such as models/mnist-lenet5/1")
    add("--dataset", metavar="NAME", help="by which (default: that of the export's recipe)")
    add_verbose(parser)


def run(given: argparse.Namespace) -> int:
    """Quantize, and say what it cost."""
    import_tensorflow(verbose=given.verbose)
    quantize(given.export, given.dataset)
    return 0


def quantize(export: Path, dataset: str | None = None) -> None:
    """Make the next version of an export, with a conversion in int8, and print what it cost.

    Raises:
        TrainingError: it cannot be, or costs too much.
    """
    from training.exporting import quantization  # noqa: PLC0415 — imports OpenVINO
    from training.exporting.export import remake  # noqa: PLC0415 — imports TensorFlow
    from training.running.evaluate import judge, read_manifest  # noqa: PLC0415 — imports TensorFlow

    quantization.require_installed()
    task, examples = judge(export, read_manifest(export), dataset)
    measured: dict[str, float] = {}

    def change(folder: Path) -> None:
        measured.update(quantization.quantize(folder, examples.train.images, task.remeasure))

    made = remake(export, change)
    rows = [(name, f"{value:.2%}") for name, value in measured.items()]
    show(f"{made}: {len(examples.test):,} test examples", [("", "left"), ("", "right")], rows)
