"""The command line of training: `python -m training train|export|list`.

TensorFlow takes seconds to import, so nothing here imports it before it is known to be needed:
`--help`, `list` and every mistyped name answer at once.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NoReturn, get_args

from service.manifest import Fit, Resample
from training import catalogue
from training.errors import TrainingError, UsageError
from training.recipe import Knob, Recipe, knobs

FAILED: Final = 1
MISUSED: Final = 2
INTERRUPTED: Final = 130


class _Parser(argparse.ArgumentParser):
    """A parser whose complaints are errors to be caught, not exits."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; {self.prog} --help lists what there is")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status: 0, 1 failed, 2 misused, 130 interrupted."""
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    logging.getLogger("training").setLevel(logging.INFO)
    words = sys.argv[1:] if arguments is None else arguments
    try:
        given = _parse(words)
        given.command(given)
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return MISUSED
    except TrainingError as error:
        print(f"error: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print("\ninterrupted: nothing was exported", file=sys.stderr)
        return INTERRUPTED
    except Exception as error:  # the machine's doing, such as no memory, or a defect of ours
        if "--verbose" in words:
            raise
        reason = str(error).strip().partition("\n")[0]
        kind = type(error).__name__
        print(f"error: {kind}: {reason} (--verbose shows where)", file=sys.stderr)
        return FAILED
    return 0


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = _Parser(prog="python -m training", description="Train models and export them.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_train(commands, arguments)
    _add_export(commands)
    listing = commands.add_parser("list", help="recipes, architectures and data sets")
    listing.set_defaults(command=_list)
    return parser.parse_args(arguments)


# --- train ---------------------------------------------------------------------------------------


def _add_train(commands: Any, arguments: Sequence[str]) -> None:
    train = commands.add_parser(
        "train", help="train a recipe and export the model", allow_abbrev=False
    )
    recipes = train.add_subparsers(
        required=True, metavar="RECIPE", parser_class=_Parser, dest="recipe"
    )
    for name in catalogue.names("recipe"):
        recipe: Recipe = catalogue.get("recipe", name)
        about = recipes.add_parser(
            name,
            help=recipe.description,
            description=recipe.description,
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        _add_folders(about, runs=True)
        about.add_argument(
            "--resume", action="store_true", help="go on where an interrupted run stopped"
        )
        groups = {one.group: about.add_argument_group(one.group) for one in knobs(type(recipe))}
        for one in knobs(type(recipe)):
            _add_knob(groups[one.group], one, getattr(recipe, one.name))
        about.set_defaults(command=_train)
    _refuse_unknown(arguments)


def _refuse_unknown(arguments: Sequence[str]) -> None:
    """Name the known recipes or knobs where argparse would name none of them, or the wrong ones."""
    if len(arguments) < 2 or arguments[0] != "train" or arguments[1].startswith("-"):
        return
    recipe: Recipe = catalogue.get("recipe", arguments[1])
    folders = ["models-dir", "runs-dir", "resume", "verbose", "help"]
    known = [one.name.replace("_", "-") for one in knobs(type(recipe))] + folders
    for argument in arguments[2:]:
        option = argument.removeprefix("--").partition("=")[0]
        if argument.startswith("--") and option not in known:
            raise UsageError(catalogue.unknown("knob", option, known))


def _add_knob(group: Any, about: Knob, value: object) -> None:
    group.add_argument(
        f"--{about.name.replace('_', '-')}",
        type=about.type,
        choices=about.choices or None,
        metavar="|".join(about.choices) or about.type.__name__,
        default=argparse.SUPPRESS,  # only what was given overrides
        help=f"{about.help} (default: {value})".replace("%", "%%"),
    )


def _train(given: argparse.Namespace) -> None:
    recipe: Recipe = catalogue.get("recipe", given.recipe)
    names = {one.name for one in knobs(type(recipe))}
    recipe = recipe.override(
        **{name: value for name, value in vars(given).items() if name in names}
    )
    _import_tensorflow(verbose=given.verbose)
    from training.run import run  # noqa: PLC0415 — imports TensorFlow

    result = run(recipe, models_dir=given.models_dir, runs_dir=given.runs_dir, resume=given.resume)
    print(f"figures and history: {result.folder}")
    print(f"export: {result.export}")


# --- export --------------------------------------------------------------------------------------


def _add_export(commands: Any) -> None:
    export = commands.add_parser(
        "export",
        help="export anyone's .keras file",
        allow_abbrev=False,
        description="Turn a Keras file into an export that the service serves.",
    )
    add = export.add_argument
    add("file", type=Path, metavar="FILE.keras", help="what model.save('….keras') wrote")
    add("--name", required=True, help="the model's name: models/NAME/VERSION")
    add("--labels", required=True, type=Path, metavar="FILE", help="the class names, one a line")
    add("--task", choices=["classify"], default="classify", help="what it does (default: classify)")
    add("--fit", choices=get_args(Fit), default="stretch", help="how pictures become its size")
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
    add("--examples", type=Path, metavar="FOLDER", help="a few pictures it is to be proven with")
    add("--custom-objects", metavar="MODULE", help="module or .py file that holds its own layers")
    add("--description", default="", help="one sentence for people who choose a model")
    add("--license", help="an SPDX identifier or a sentence")
    _add_folders(export, runs=False)
    export.set_defaults(command=_export)


def _export(given: argparse.Namespace) -> None:
    _import_tensorflow(verbose=given.verbose)
    from training.bring_your_own import export_keras_file  # noqa: PLC0415 — imports TensorFlow

    options = {
        name: value
        for name, value in vars(given).items()
        if name not in {"command", "verbose", "task", "labels"}
    }
    options["labels_file"] = given.labels
    print(f"export: {export_keras_file(**options)}")


# --- list, and what all share --------------------------------------------------------------------


def _list(given: argparse.Namespace) -> None:
    del given
    titles: dict[catalogue.Kind, str] = {
        "recipe": "Recipes",
        "architecture": "Architectures",
        "dataset": "Data sets",
    }
    for kind, title in titles.items():
        print(f"{title}:")
        for name in catalogue.names(kind):
            print(f"  {name:<16} {catalogue.summary(kind, name)}")


def _add_folders(parser: argparse.ArgumentParser, *, runs: bool) -> None:
    add = parser.add_argument
    add("--models-dir", type=Path, default=Path("models"), help="where exports go (models)")
    if runs:
        add("--runs-dir", type=Path, default=Path("runs"), help="where figures go (runs)")
    add("--verbose", action="store_true", help="let TensorFlow say what it does")


def _import_tensorflow(*, verbose: bool) -> None:
    """Import TensorFlow, its chatter kept off the screen unless `verbose`.

    Its level must be set before it is imported, and some of its libraries write before they read
    the level: standard error is turned away for those seconds.
    """
    if not verbose:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        logging.getLogger("tensorflow").setLevel(logging.ERROR)
        logging.getLogger("absl").setLevel(logging.ERROR)
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # else off where a CPU lacks AVX-512 VNNI
    os.environ["KERAS_BACKEND"] = "tensorflow"  # whatever ~/.keras says: exports are TensorFlow's
    screen, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        if not verbose:
            os.dup2(nowhere, 2)
        import tensorflow  # noqa: F401, PLC0415 — for its effect
    finally:
        os.dup2(screen, 2)
        os.close(screen)
        os.close(nowhere)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends like Ctrl-C: tidily
    sys.exit(main())
