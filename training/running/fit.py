"""Compiling and fitting a model as a recipe says."""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import keras
import tensorflow as tf

from training.errors import TrainingFailed
from training.recipe import Recipe
from training.running.checkpoint import Checkpoint, History, Stopping
from training.running.event_log import EventLog
from training.running.schedules import learning_rate
from training.tasks import Task

EVENTS: Final = "tensorboard"
"""The event log's name in the folder of a recipe's runs, and later in that of the run."""

_EXAMPLES_PER_VISIT: Final = 2048
"""Small models run several steps between two visits to Python: the visits would take longer."""
_SECONDS_PER_VISIT: Final = 1.0
"""Large ones run so few that the progress bar moves about once a second."""
_STEP_PER_ANSWER: Final = 3.0
"""How much longer a step takes than the model's answer to its batch."""


def fit(
    model: keras.Model,
    recipe: Recipe,
    task: Task,
    *,
    folder: Path,
    resume: bool = False,
    verbose: bool = True,
) -> History:
    """Train, and leave the model with the weights that the recipe keeps.

    After each epoch the run's state and its event log stand in `folder`; with `resume` the run
    goes on from a state there.

    Raises:
        TrainingFailed: a loss is no finite number any more, or a state cannot be written.
        UsageError: with `resume`, the state in `folder` is not there, cannot be read or is of
            another run.
    """
    stopping = None
    if recipe.keep == "best":
        stopping = Stopping(monitor="val_loss", patience=recipe.patience, restore_best_weights=True)
    state = Checkpoint(folder, recipe, stopping)
    compile_model(model, recipe, task)
    if resume:
        state.restore(model)
    else:
        state.begin()
        shutil.rmtree(folder / EVENTS, ignore_errors=True)
    batches = task.training_batches(lambda: state.epoch)
    model.steps_per_execution = _steps_per_visit(model, batches, recipe, task.steps)
    model.fit(
        batches,
        initial_epoch=state.epoch,
        epochs=recipe.epochs,
        validation_data=task.validation_batches(),
        callbacks=_callbacks(recipe, stopping, state),
        shuffle=False,  # the batches come shuffled
        verbose="auto" if verbose else 0,
    )
    return state.history


def compile_model(model: keras.Model, recipe: Recipe, task: Task) -> None:
    """Give a model the recipe's optimizer, and the task's loss and metrics."""
    rate = learning_rate(recipe.schedule, recipe.learning_rate, task.steps, recipe.epochs)
    shared = {
        "weight_decay": recipe.weight_decay,
        "use_ema": bool(recipe.averaging),
        "ema_momentum": recipe.averaging,
    }
    if recipe.optimizer == "sgd":
        optimizer = keras.optimizers.SGD(rate, momentum=0.9, nesterov=True, **shared)
    else:
        optimizer = keras.optimizers.AdamW(rate, **shared)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta", "alpha"])
    # weighted, so that a task whose batches bring weights is measured with them
    model.compile(optimizer, loss=task.loss(), weighted_metrics=task.metrics())


def _steps_per_visit(
    model: keras.Model, batches: tf.data.Dataset, recipe: Recipe, steps: int
) -> int:
    if recipe.strategy == "mirrored":
        return 1  # Keras 3.15 fails to run several steps at once over several devices
    inputs, *_ = next(iter(batches))
    model(inputs, training=False)  # the first answer also prepares
    started = time.monotonic()
    model(inputs, training=False)
    step = _STEP_PER_ANSWER * (time.monotonic() - started)
    by_examples = _EXAMPLES_PER_VISIT // recipe.batch_size
    return max(1, min(steps, by_examples, int(_SECONDS_PER_VISIT / step)))


def _callbacks(
    recipe: Recipe, stopping: Stopping | None, state: Checkpoint
) -> list[keras.callbacks.Callback]:
    """In the order in which they see an epoch end."""
    averaging = keras.callbacks.SwapEMAWeights(swap_on_epoch=True) if recipe.averaging else None
    log = EventLog(state.folder / EVENTS)
    # the average first, so that what the others keep is the average
    everyone = [averaging, Finite(recipe), LearningRate(), log, stopping, state]
    return [callback for callback in everyone if callback is not None]


class LearningRate(keras.callbacks.Callback):
    """Adds the `learning_rate` at an epoch's end to its measures."""

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Tell it to the callbacks that come after."""
        if logs is not None:
            rate = self.model.optimizer.learning_rate
            logs["learning_rate"] = float(keras.ops.convert_to_numpy(rate))


class Diverged(TrainingFailed):
    """A loss is no finite number any more; going on with the same knobs would end there again."""


class Finite(keras.callbacks.Callback):
    """Stops a run one of whose losses is no finite number: nothing good comes after it."""

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
            Diverged: it is infinite or NaN.
        """
        self._judge(
            "the loss", (logs or {})["loss"], f"in epoch {self.epoch} near step {batch + 1}"
        )

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Judge the validation's loss, by which the best epoch is found.

        Raises:
            Diverged: it is infinite or NaN.
        """
        if logs and "val_loss" in logs:
            self._judge("the validation's loss", logs["val_loss"], f"after epoch {epoch + 1}")

    def _judge(self, what: str, loss: Any, when: str) -> None:
        if not math.isfinite(loss):
            raise Diverged(
                f"{what} became {float(loss)} {when}, so nothing was exported: "
                f"start anew with a lower --learning-rate (now {self.recipe.learning_rate:g})"
            )
