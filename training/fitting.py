"""Compiling and fitting a model as a recipe says."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import keras

from training.augmentation import Augmentation
from training.datasets import Dataset
from training.errors import TrainingFailed
from training.pipeline import evaluation_batches, split_validation, training_batches
from training.recipe import Recipe
from training.schedules import learning_rate

History = dict[str, list[float]]
"""By epoch: `loss`, `accuracy`, `val_loss`, `val_accuracy`."""

_IMAGES_PER_EXECUTION: Final = 2048
"""Small models run several steps between two visits to Python: the visits would take longer."""


def fit(model: keras.Model, recipe: Recipe, dataset: Dataset, *, verbose: bool) -> History:
    """Train, and leave the model with the weights of the epoch of least validation loss.

    Raises:
        TrainingFailed: the loss is no finite number any more.
    """
    train, validation = split_validation(dataset.train, recipe.validation_fraction, recipe.seed)
    knobs = recipe.group("augmentation")
    augmentation = Augmentation(**knobs)  # type: ignore[arg-type]  # checked when overridden
    num_classes = len(dataset.labels)
    batches, steps = training_batches(
        train,
        num_classes,
        recipe.batch_size,
        recipe.seed,
        augmentation if augmentation.active else None,
    )
    compile_model(model, recipe, steps)
    stopping = keras.callbacks.EarlyStopping(
        monitor="val_loss", patience=recipe.patience, restore_best_weights=True
    )
    callbacks = [Finite(recipe), stopping]
    if recipe.averaging:  # before the others, so that what they keep is the average
        callbacks.insert(0, keras.callbacks.SwapEMAWeights(swap_on_epoch=True))
    history = model.fit(
        batches,
        steps_per_epoch=steps,
        epochs=recipe.epochs,
        validation_data=evaluation_batches(validation, num_classes),
        callbacks=callbacks,
        shuffle=False,  # the batches come shuffled
        verbose="auto" if verbose else 0,
    )
    return {name: [float(value) for value in values] for name, values in history.history.items()}


def compile_model(model: keras.Model, recipe: Recipe, steps: int) -> None:
    """Give a model the recipe's optimizer, loss and metric; `steps` make an epoch."""
    optimizer = keras.optimizers.AdamW(
        learning_rate(recipe.schedule, recipe.learning_rate, steps, recipe.epochs),
        weight_decay=recipe.weight_decay,
        use_ema=bool(recipe.averaging),
        ema_momentum=recipe.averaging,
    )
    optimizer.exclude_from_weight_decay(var_names=["bias"])
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
