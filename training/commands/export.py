"""Turn anyone's Keras file into an export that the service serves."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from service.manifest import Fit, Resample
from training.commands._options import add_folders, add_verbose
from training.commands._quiet import import_tensorflow


def add(parser: argparse.ArgumentParser, words: Sequence[str]) -> None:
    """The file, and what it does not say of itself."""
    del words
    add = parser.add_argument
    add("file", type=Path, metavar="FILE.keras", help="what model.save('….keras') wrote")
    add("--name", required=True, help="the model's name: models/NAME/VERSION")
    add("--labels", required=True, type=Path, metavar="FILE", help="the class names, one a line")
    add("--task", choices=["classify"], default="classify", help="what it does (default: classify)")
    add("--fit", choices=get_args(Fit), default="stretch", help="how images become its size")
    add("--resample", choices=get_args(Resample), default="bilinear", help="filter to resize with")
    add("--padding", type=int, default=0, help="grey 0–255 that fills the rest under --fit pad")
    add("--size", metavar="HxW", help="pixels, where the model takes any size")
    add(
        "--scaling",
        choices=["none", "unit", "symmetric", "imagenet", "caffe"],
        help="what the model expects of pixels: 0–255 (none, the default), x/255, x/127.5-1, "
        "torchvision's mean and std, or BGR less the mean",
    )
    add(
        "--outputs",
        choices=["auto", "logits", "probabilities"],
        default="auto",
        help="what its last layer gives (default: judged from the layer and the examples)",
    )
    add("--examples", type=Path, metavar="FOLDER", help="a few images it is to be proven with")
    add("--custom-objects", metavar="MODULE", help="module or .py file that holds its own layers")
    add("--description", default="", help="one sentence for people who choose a model")
    add("--license", help="an SPDX identifier or a sentence")
    add_folders(parser, runs=False)
    add_verbose(parser)


def run(given: argparse.Namespace) -> int:
    """Export, and say where it is."""
    import_tensorflow(verbose=given.verbose)
    from training.exporting.from_keras import export_keras_file  # noqa: PLC0415 — imports TensorFlow

    options = {
        name: value
        for name, value in vars(given).items()
        if name not in {"command", "verbose", "task", "labels"}
    }
    options["labels_file"] = given.labels
    print(f"export: {export_keras_file(**options)}")
    return 0
