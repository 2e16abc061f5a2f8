"""Compiling and fitting a model as a recipe says."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import keras
import tensorflow as tf

from training.augmentation import Augmentation
from training.checkpoint import Checkpoint, History, Stopping
from training.datasets import Dataset, Split
from training.errors import TrainingFailed
from training.pipeline import evaluation_batches, split_validation, steps_of, training_batches
from training.recipe import Recipe
from training.schedules import learning_rate

_IMAGES_PER_EXECUTION: Final = 2048
"""Small models run several steps between two visits to Python: the visits would take longer."""


def fit(
    model: keras.Model, recipe: Recipe, dataset: Dataset, *, checkpoint: Path, verbose: bool
) -> History:
    """Train, and leave the model with the weights that the recipe keeps.

    A state in the file `checkpoint` is taken up; after each epoch it is written anew.

    Raises:
        TrainingFailed: the loss is no finite number any more.
        UsageError: the state in `checkpoint` is of a run with other knobs.
    """
    train, validation = split_validation(dataset.train, recipe.validation_fraction, recipe.seed)
    num_classes = len(dataset.labels)
    steps = steps_of(train, recipe.batch_size)
    compile_model(model, recipe, steps)
    stopping = None
    if recipe.keep == "best":
        stopping = Stopping(monitor="val_loss", patience=recipe.patience, restore_best_weights=True)
    state = Checkpoint(checkpoint, {"recipe": recipe.name, **recipe.settings()}, stopping)
    state.restore(model)
    model.fit(
        _batches(train, num_classes, recipe, first_epoch=state.epoch),
        steps_per_epoch=steps,
        initial_epoch=state.epoch,
        epochs=recipe.epochs,
        validation_data=evaluation_batches(validation, num_classes),
        callbacks=_callbacks(recipe, stopping, state),
        shuffle=False,  # the batches come shuffled
        verbose="auto" if verbose else 0,
    )
    return state.history


def _batches(train: Split, num_classes: int, recipe: Recipe, first_epoch: int) -> tf.data.Dataset:
    augmentation = Augmentation(**recipe.group("augmentation"))  # type: ignore[arg-type] # checked when overridden
    return training_batches(
        train,
        num_classes,
        recipe.batch_size,
        recipe.seed,
        augmentation if augmentation.active else None,
        first_epoch=first_epoch,
    )


def _callbacks(
    recipe: Recipe, stopping: Stopping | None, state: Checkpoint
) -> list[keras.callbacks.Callback]:
    callbacks: list[keras.callbacks.Callback] = []
    if recipe.averaging:  # before the others, so that what they keep is the average
        callbacks.append(keras.callbacks.SwapEMAWeights(swap_on_epoch=True))
    callbacks.append(Finite(recipe))
    if stopping is not None:
        callbacks.append(stopping)
    return [*callbacks, state]


def compile_model(model: keras.Model, recipe: Recipe, steps: int) -> None:
    """Give a model the recipe's optimizer, loss and metric; `steps` make an epoch."""
    rate = learning_rate(recipe.schedule, recipe.learning_rate, steps, recipe.epochs)
    shared = {
        "weight_decay": recipe.weight_decay,
        "use_ema": bool(recipe.averaging),
        "ema_momentum": recipe.averaging,
    }
    if recipe.optimizer == "sgd":
        optimizer = keras.optimizers.SGD(rate, momentum=0.9, nesterov=True, **shared)
    else:
        optimizer = keras.optimizers.AdamW(rate, **shared)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    model.compile(
        optimizer,
        loss=keras.losses.CategoricalCrossentropy(
            from_logits=True, label_smoothing=recipe.label_smoothing
        ),
        metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
        steps_per_execution=max(1, min(steps, _IMAGES_PER_EXECUTION // recipe.batch_size)),
    )


class Finite(keras.callbacks.Callback):
    """Stops a run whose loss is no finite number: nothing good comes after it."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        self.recipe = recipe
        self.epoch = 0

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Remember where the run is."""
        self.epoch = epoch + 1

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Judge the epoch's mean loss so far.

        Raises:
            TrainingFailed: it is infinite or NaN.
        """
        loss = float((logs or {})["loss"])
        if not math.isfinite(loss):
            raise TrainingFailed(
                f"the loss became {loss} in epoch {self.epoch} near step {batch + 1}, so nothing "
                f"was exported: lower --learning-rate (now {self.recipe.learning_rate:g})"
            )
