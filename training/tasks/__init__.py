"""Kinds of runs, one a module named like it; each offers `TASK`, which makes a `Task`.

A recipe names its task, as it names its data set and architecture. Whatever differs between
learning to classify images, to restore them and to turn one sequence into another stands in the
task; what all runs share (fitting, history, curves, export) stands in `training.running.run`, once.

`TASK(recipe, dataset, **recipe.task_arguments)` takes what the data set's `load` returned.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from service.manifest import Embeddings, ImageInput, Signature, TextInput
from training.data.pipeline import Epoch
from training.exporting.export import Function


@dataclass(frozen=True)
class Served:
    """One signature of the export: what it does, what it promises, what proves it."""

    function: Function
    """A `tf.function` with an input signature; casting and scaling happen inside."""
    promise: Signature
    """What the manifest says of it."""
    inputs: Mapping[str, NDArray[np.generic]]
    """Golden inputs, made for the purpose: no samples of a data set."""


@dataclass(frozen=True, kw_only=True)
class Serving:
    """How a trained model is served."""

    signatures: Mapping[str, Served]
    """By name, the most used first."""
    image: ImageInput | None = None
    """How images become the input, where images do."""
    labels: tuple[str, ...] | None = None
    """The class names, where there are classes."""
    text: TextInput | None = None
    """How texts become the input, where texts do."""
    embeddings: Embeddings | None = None
    """What holds of the vectors, where they are embeddings."""
    tokenizer: str | None = None
    """How texts become tokens, where texts go in: the contents of `tokenizer.json`."""


class Answer(Protocol):
    """A signature of an export, from arrays of any number of rows to arrays of as many."""

    def __call__(self, **inputs: NDArray[Any]) -> Mapping[str, NDArray[Any]]:
        """The outputs by name, for inputs by name."""
        ...


class Task(Protocol):
    """What differs between the kinds of runs."""

    @property
    def steps(self) -> int:
        """Batches of one epoch."""
        ...

    def build(self) -> keras.Model:
        """The recipe's architecture for the data set, untrained; called again for the export."""
        ...

    def training_batches(self, epoch: Epoch) -> tf.data.Dataset:
        """Batches as `fit` takes them: one epoch an iteration, the one that `epoch` tells.

        They depend on the recipe's seed, the epoch and the step alone: `pipeline` makes such.
        """
        ...

    def validation_batches(self) -> tf.data.Dataset:
        """Each example of the validation once, in order."""
        ...

    def loss(self) -> keras.losses.Loss:
        """What is made small; of a model of several outputs, by their names, the sum."""
        ...

    def metrics(self) -> list[keras.metrics.Metric]:
        """What is measured besides, over each epoch and over the validation; by their names.

        Of a model of several outputs, lists by the outputs' names.
        """
        ...

    def evaluate(self, model: keras.Model, folder: Path) -> dict[str, float]:
        """Measure a model on the test set, and draw what it does there as files in `folder`.

        Returns:
            Measures for the manifest by name, such as `test_accuracy`.
        """
        ...

    def serving(self, model: keras.Model) -> Serving:
        """How `model`, which is the trained one in float32, is served."""
        ...

    def remeasure(self, answers: Mapping[str, Answer]) -> dict[str, float]:
        """Measure the signatures of an export as `evaluate` measures a model: the same measures."""
        ...
