"""Train a recipe and export the model."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence

from training.commands._options import (
    add_folders,
    add_knobs,
    add_recipe,
    add_verbose,
    given_knobs,
)
from training.commands._quiet import import_tensorflow
from training.commands.quantize import quantize
from training.errors import TrainingError, UsageError
from training.recipe import Recipe


def add(parser: argparse.ArgumentParser, words: Sequence[str]) -> None:
    """RECIPE, folders, `--resume` and the recipe's knobs."""
    recipe = add_recipe(parser, words)
    add_folders(parser)
    add_verbose(parser)
    parser.add_argument(
        "--resume", action="store_true", help="go on where an interrupted run stopped"
    )
    parser.add_argument(
        "--quantize",
        choices=["int8"],
        help="make another version with a conversion in 8-bit integers, if it costs no accuracy",
    )
    parser.set_defaults(words=words)
    if recipe is not None:
        add_knobs(parser, recipe)


def run(given: argparse.Namespace) -> int:
    """Train, and say where everything is."""
    recipe: Recipe = given.recipe
    recipe = recipe.override(**given_knobs(given, recipe))
    import_tensorflow(verbose=given.verbose)
    from training.running import checkpoint  # noqa: PLC0415 — imports TensorFlow
    from training.running.fit import Diverged  # noqa: PLC0415 — imports TensorFlow
    from training.running.run import run  # noqa: PLC0415 — imports TensorFlow

    if given.quantize:
        _check_quantizable(recipe)
    folders = {"models_dir": given.models_dir, "runs_dir": given.runs_dir}
    try:
        result = run(recipe, **folders, resume=given.resume)
    except (UsageError, Diverged):  # the same command would end there again
        raise
    except (KeyboardInterrupt, TrainingError) as error:
        if (given.runs_dir / recipe.name / checkpoint.FILE).exists():
            words = ["python", "-m", "training", "train", *given.words]
            words += [] if given.resume else ["--resume"]
            error.add_note(f"go on with: {shlex.join(words)}")
        raise
    print(f"figures and history: {result.folder}")
    print(f"export: {result.export}")
    if given.quantize:
        quantize(result.export)
    return 0


def _check_quantizable(recipe: Recipe) -> None:
    """Found out now, not after hours of training."""
    from training.exporting.quantization import require_installed  # noqa: PLC0415 — imports OpenVINO

    require_installed()
    if recipe.task != "classification":
        raise UsageError(f"only classifiers are quantized, and {recipe.name} is none")
