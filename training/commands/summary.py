"""Show a model's layers, output shapes, parameters and FLOPs."""

from __future__ import annotations

import argparse
import importlib
import inspect
import pkgutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from service.manifest import keras_path
from training import catalogue
from training.commands._options import add_verbose
from training.commands._quiet import import_tensorflow
from training.commands._tables import show
from training.errors import UsageError
from training.recipe import Recipe

if TYPE_CHECKING:
    from training.analysis.summary import Summary

_NOTE = (
    "FLOPs are of one example: 2 for every multiply–add of a convolution or matrix product, so "
    "twice what papers count as multiply–adds; biases, activations and normalizations are left out."
)


def add(parser: argparse.ArgumentParser, words: Sequence[str]) -> None:
    """What to look at, and its sizes."""
    del words
    add = parser.add_argument
    add("name", metavar="NAME", help="an architecture, a recipe, or an export's folder")
    add("--variant", help="of an architecture: a size that its paper names")
    add("--image-shape", type=_image_shape, metavar="HxWxC", help="pixels and channels")
    add("--num-classes", type=int, metavar="K", help="classes")
    add("--length", type=int, default=128, help="tokens, where a model takes any number (128)")
    add("--depth", type=int, default=2, help="levels of layers inside layers that are shown (2)")
    add_verbose(parser)


def run(given: argparse.Namespace) -> int:
    """Build the model without its weights, and print its table."""
    if min(given.length, given.depth) < 1:
        raise UsageError("--length and --depth are at least 1")
    build = _builder(given)
    import_tensorflow(verbose=given.verbose)
    from training.analysis.summary import summarize, weightless  # noqa: PLC0415 — imports TensorFlow

    try:
        model = weightless(build) if given.name in catalogue.names("architecture") else build()
    except ValueError as error:  # an architecture's own checks
        reason = str(error).strip().partition("\n")[0]
        raise UsageError(f"{given.name} cannot be built so: {reason}") from error
    title = given.name if given.variant is None else f"{given.name} {given.variant}"
    _print(title, summarize(model, length=given.length), given.depth)
    return 0


def _image_shape(text: str) -> tuple[int, int, int]:
    try:
        height, width, channels = (int(size) for size in text.lower().replace("×", "x").split("x"))
    except ValueError:
        height = width = channels = 0
    if min(height, width, channels) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not like 32x32x3: height, width, channels")
    return height, width, channels


# --- what to look at -----------------------------------------------------------------------------


def _builder(given: argparse.Namespace) -> Callable[[], Any]:
    """What makes the model named; what can be refused without TensorFlow is refused now.

    Raises:
        UsageError: there is no such thing, or it takes no such sizes.
    """
    name = given.name.replace("_", "-")
    if name in catalogue.names("architecture"):
        if given.variant is not None:
            _check_variant(name, given.variant)
        return lambda: _architecture(name, given)
    sizes = given.variant, given.image_shape, given.num_classes
    if any(size is not None for size in sizes):
        raise UsageError(
            f"--variant, --image-shape and --num-classes are an architecture's; {given.name!r} is "
            f"none of {', '.join(catalogue.names('architecture'))}"
        )
    if name in catalogue.names("recipe"):
        return lambda: _recipe(catalogue.get("recipe", name))
    if keras_path(Path(given.name)).is_file():
        return lambda: _export(Path(given.name))
    if Path(given.name).is_dir():
        raise UsageError(f"{given.name} holds no Keras model: {keras_path(Path(given.name))}")
    known = [*catalogue.names("architecture"), *catalogue.names("recipe")]
    raise UsageError(catalogue.unknown("architecture or recipe", given.name, known))


def _check_variant(architecture: str, variant: str) -> None:
    known = catalogue.variants(architecture)
    if not known:
        raise UsageError(f"{architecture} has no variants: give --image-shape and --num-classes")
    if variant not in known:
        raise UsageError(catalogue.unknown(f"variant of {architecture}", variant, known))


def _architecture(name: str, given: argparse.Namespace) -> Any:
    module = catalogue.module("architecture", name)
    arguments = dict(module.VARIANTS[given.variant]) if given.variant is not None else {}
    takes = inspect.signature(module.build).parameters
    for option in ("image_shape", "num_classes"):
        if getattr(given, option) is not None:
            if option not in takes:
                raise UsageError(f"{name} takes no --{option.replace('_', '-')}")
            arguments[option] = getattr(given, option)
    needed = [each.name for each in takes.values() if each.default is each.empty]
    missing = [each for each in needed if each not in arguments]
    if missing:
        options = [f"--{each.replace('_', '-')}" for each in missing if hasattr(given, each)]
        variants = ", ".join(catalogue.variants(name))
        ways = [f"--variant ({variants})" if variants else "", " and ".join(options)]
        raise UsageError(
            f"{name} needs {', '.join(missing)}: give {' or '.join(filter(None, ways))}"
        )
    return module.build(**arguments)


def _recipe(recipe: Recipe) -> Any:
    dataset = catalogue.get("dataset", recipe.dataset)()
    return catalogue.get("task", recipe.task)(recipe, dataset, **recipe.task_arguments).build()


def _export(folder: Path) -> Any:
    from training import layers  # noqa: PLC0415 — imports TensorFlow
    from training.exporting import keras_file  # noqa: PLC0415 — imports TensorFlow

    rooms = [f"training.layers.{each.name}" for each in pkgutil.iter_modules(layers.__path__)]
    for room in (*rooms, "training.objectives.constraints", "training.objectives.regularizers"):
        importlib.import_module(room)  # what they hold registers itself
    return keras_file.load(keras_path(folder), None)


# --- what is printed -----------------------------------------------------------------------------


def _print(title: str, summary: Summary, depth: int) -> None:
    inputs = ", ".join(f"{name} {_shape(shape)}" for name, shape in summary.inputs.items())
    rows = [
        (
            "  " * level + part.name,
            part.kind,
            ", ".join(map(_shape, part.output_shapes)),
            f"{part.parameters:,}",
            f"{part.flops:,}",
        )
        for level, part in summary.whole.walk(depth)
    ]
    total = summary.trainable + summary.frozen
    show(
        f"{title}: {inputs}",
        [
            ("layer", "left"),
            ("kind", "left"),
            ("output", "left"),
            ("parameters", "right"),
            ("FLOPs", "right"),
        ],
        rows,
        total=("total", "", "", f"{total:,}", f"{summary.whole.flops:,}"),
    )
    print(f"{summary.trainable:,} parameters learn, {summary.frozen:,} do not.")
    print(_NOTE)


def _shape(shape: tuple[int, ...]) -> str:
    """Sizes with a B for the batch of one."""
    batch = "B" if shape[:1] == (1,) else "".join(map(str, shape[:1]))
    return f"({', '.join([batch, *map(str, shape[1:])])})"
