"""Measuring an export again, from its SavedModel, and comparing with what its manifest promises."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from service.manifest import Manifest
from training import catalogue
from training.datasets import Dataset
from training.errors import ExportError, UsageError
from training.recipe import Recipe
from training.tasks import Answer, Task

_ROWS: Final = 250
"""Of one call of a signature."""
_RELATIVE: Final = 1e-3
"""By how much an error may differ, of itself: sums are added up in another order."""


@dataclass(frozen=True)
class Measure:
    """One number that was measured on the test set."""

    name: str
    measured: float
    promised: float | None
    """What the manifest says; None where it says nothing."""
    num_examples: int
    """In the test set."""

    @property
    def allowed(self) -> float:
        """The difference that rounding makes: an example of a share, a thousandth of an error."""
        if any(word in self.name for word in ("accuracy", "match", "recall")):
            return 1 / self.num_examples + 1e-6
        return _RELATIVE * abs(self.promised or 0) + 1e-6

    @property
    def holds(self) -> bool:
        """Whether what was measured is what was promised."""
        return self.promised is None or abs(self.measured - self.promised) <= self.allowed


def evaluate(export: Path, dataset: str | None = None) -> list[Measure]:
    """Measure the export in the folder `export` on the test set of its recipe, or of `dataset`.

    Raises:
        UsageError: it does not say how it was made, and no data set is given.
        DatasetError: the data set is missing or broken.
        ExportError: the folder is no export, cannot be loaded, or takes other examples.
    """
    manifest = read_manifest(export)
    task, examples = judge(export, manifest, dataset)
    measured = task.remeasure(_answers(export))
    num_examples = len(examples.test)
    return [
        Measure(name, value, manifest.metrics.get(name), num_examples)
        for name, value in measured.items()
    ]


def judge(export: Path, manifest: Manifest, dataset: str | None = None) -> tuple[Task, Any]:
    """The task that measures an export, and the data set that it measures it on.

    Raises:
        UsageError, DatasetError, ExportError: as `evaluate`.
    """
    recipe = _recipe(export, manifest, dataset)
    examples = catalogue.get("dataset", recipe.dataset)()
    _check_examples(export, manifest, recipe, examples)
    task: Task = catalogue.get("task", recipe.task)(recipe, examples, **recipe.task_arguments)
    return task, examples


def read_manifest(export: Path) -> Manifest:
    """The manifest of an export.

    Raises:
        ExportError: the folder holds none, or one that does not say what it must.
    """
    try:
        return Manifest.read(export)
    except OSError as error:
        versions = sorted(path for path in export.glob("*") if path.name.isdecimal())
        hint = f"did you mean {versions[-1]}?" if versions else "name one such as models/NAME/1"
        raise ExportError(f"{export} is no export, for it has no manifest: {hint}") from error
    except ValueError as error:
        reason = " ".join(str(error).split("\n")[1:3])
        raise ExportError(f"the manifest of {export} cannot be read: {reason}") from error


def _recipe(export: Path, manifest: Manifest, dataset: str | None) -> Recipe:
    name = manifest.provenance.get("recipe")
    if name in catalogue.names("recipe"):
        recipe: Recipe = catalogue.get("recipe", str(name))
        return recipe if dataset is None else dataclasses.replace(recipe, dataset=dataset)
    if dataset is None:
        says = "tells no recipe" if name is None else f"was made by {name!r}, which is no recipe"
        raise UsageError(f"{export} {says}: give --dataset, whose test set it is measured on")
    if manifest.signature_for("classify") is None:
        raise UsageError(f"{export} does not classify, so only its own recipe could measure it")
    return Recipe(name=export.parent.name, description="", dataset=dataset, architecture="")


def _check_examples(export: Path, manifest: Manifest, recipe: Recipe, examples: Any) -> None:
    if manifest.image is None or not isinstance(examples, Dataset):
        return
    image = manifest.image
    takes = image.height, image.width, image.channels
    if takes != examples.image_shape:
        raise ExportError(
            f"{export} takes images of {takes}; those of {recipe.dataset} are "
            f"{examples.image_shape}: name another data set"
        )
    if manifest.labels is not None and len(manifest.labels) != len(examples.labels):
        raise ExportError(
            f"{export} tells {len(manifest.labels)} classes apart; {recipe.dataset} has "
            f"{len(examples.labels)}: name another data set"
        )


def _answers(export: Path) -> dict[str, Answer]:
    """The signatures of a SavedModel as functions from arrays of any number of rows to arrays."""
    try:
        loaded = tf.saved_model.load(str(export))
    except Exception as error:  # TensorFlow raises whatever a broken file makes it stumble over
        reason = str(error).strip().partition("\n")[0]
        raise ExportError(f"the SavedModel in {export} cannot be loaded: {reason}") from error

    return {name: _answer(loaded, name) for name in loaded.signatures}


def _answer(loaded: Any, name: str) -> Answer:
    def answer(**inputs: NDArray[Any]) -> Mapping[str, NDArray[Any]]:
        signature = loaded.signatures[name]  # `loaded` is kept: its variables would go with it
        rows = len(next(iter(inputs.values())))
        parts = [
            signature(
                **{key: tf.constant(each[start : start + _ROWS]) for key, each in inputs.items()}
            )
            for start in range(0, rows, _ROWS)
        ]
        return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}

    return answer
