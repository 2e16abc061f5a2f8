"""A run's state after each epoch, so that an interruption loses at most one.

One file holds every variable of the model and of its optimizer (moments, averages, the step), the
states of random generators among them, the history and what early stopping remembers. Batches
depend on the seed, the epoch and the step alone, so a run that goes on gives the same weights as
one that was never interrupted.
"""

from __future__ import annotations

import json
import logging
import math
import zipfile
import zlib
from pathlib import Path
from typing import Any, Final

import keras
import numpy as np
from numpy.typing import NDArray

from training.errors import TrainingFailed, UsageError
from training.recipe import Recipe, knobs

logger = logging.getLogger(__name__)

FILE: Final = "checkpoint.npz"
"""The state's name in the folder of a recipe's runs."""

History = dict[str, list[float]]
"""By epoch: `loss`, the task's metrics, the same of the validation as `val_…`, `learning_rate`."""


class Stopping(keras.callbacks.EarlyStopping):
    """Early stopping that remembers over an interruption; the other arguments are Keras'."""

    def __init__(self, *, memory: dict[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.memory = memory or {}

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Start as Keras does, then recall."""
        super().on_train_begin(logs)
        for name, value in self.memory.items():
            setattr(self, name, value)

    def state(self) -> dict[str, Any]:
        """What it remembers, its weights left out."""
        return {name: getattr(self, name) for name in ("wait", "best", "best_epoch")}


class Checkpoint(keras.callbacks.Callback):
    """Writes the state before each epoch but the first; stands last among the callbacks."""

    def __init__(self, folder: Path, recipe: Recipe, stopping: Stopping | None) -> None:
        super().__init__()
        self.folder = folder
        self.path = folder / FILE
        self.recipe = recipe
        self.stopping = stopping
        self.history: History = {}
        self.epoch = 0
        """Epochs done: the epoch that begins, counted from 0."""

    def begin(self) -> None:
        """Start anew; the state of an earlier run moves aside, nothing of it lost."""
        if self.path.exists():
            earlier = len(list(self.folder.glob("checkpoint.*.npz"))) + 1
            aside = self.path.rename(self.folder / f"checkpoint.{earlier}.npz")
            logger.warning(
                "starting anew: the state of an unfinished run, which --resume would have taken "
                "up, is now %s",
                aside,
            )

    def restore(self, model: keras.Model) -> None:
        """Take up the state in the file; the model is compiled.

        Raises:
            UsageError: the file is not there, cannot be read, or is of another run.
        """
        if not self.path.exists():
            raise UsageError(
                f"there is nothing to go on from in {self.folder} (no {FILE}): "
                "leave out --resume to start anew"
            )
        try:
            with np.load(self.path, allow_pickle=False) as file:
                arrays = dict(file)
            state = json.loads(arrays.pop("state").tobytes())
        except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
            raise UsageError(
                f"{self.path} cannot be read ({error}): start anew without --resume"
            ) from error
        self._compare(state["run"])
        model.optimizer.build(model.trainable_variables)
        variables = _variables(model)
        values = [arrays.get(f"variable_{index}", np.empty(0)) for index in range(len(variables))]
        if [value.shape for value in values] != [tuple(each.shape) for each in variables]:
            raise UsageError(
                f"{self.path} is of a run with another model: start anew without --resume"
            )
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
        self.epoch, self.history = state["epoch"], state["history"]
        if self.stopping is not None:
            best = [arrays[f"best_{index}"] for index in range(state["num_best"])]
            self.stopping.memory = {**state["stopping"], "best_weights": best or None}
        logger.info("going on after epoch %d", self.epoch)

    def _compare(self, other: dict[str, Any]) -> None:
        """Refuse the state of a run with other knobs; one it did not know yet had its default."""
        defaults = {about.name: about.default for about in knobs(type(self.recipe))}
        other = {**defaults, **other}
        mine = self._run()
        different = [f"{name} {other.get(name)}" for name in mine if other.get(name) != mine[name]]
        if different:
            raise UsageError(
                f"{self.path} is of a run with {', '.join(different)}: "
                "give the same knobs, or start anew without --resume"
            )

    def _run(self) -> dict[str, Any]:
        return {"recipe": self.recipe.name, **self.recipe.settings()}

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write the state of a run that is about to begin its epoch `epoch`, counted from 0.

        Raises:
            TrainingFailed: it cannot be written; the one before stays.
        """
        if epoch > self.epoch:
            self.epoch = epoch
            self._write()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Add an epoch to the history."""
        for name, value in (logs or {}).items():
            # a measure that an older version's state lacks is unknown for its epochs
            self.history.setdefault(name, [math.nan] * epoch).append(float(value))

    def _write(self) -> None:
        best = getattr(self.stopping, "best_weights", None) or []
        state = {
            "run": self._run(),
            "epoch": self.epoch,
            "history": self.history,
            "stopping": self.stopping.state() if self.stopping else None,
            "num_best": len(best),
        }
        arrays: dict[str, NDArray[Any]] = {
            "state": np.frombuffer(json.dumps(state, default=float).encode(), np.uint8)
        }
        for index, variable in enumerate(_variables(self.model)):
            arrays[f"variable_{index}"] = keras.ops.convert_to_numpy(variable)
        arrays |= {f"best_{index}": np.asarray(weight) for index, weight in enumerate(best)}
        aside = self.folder / "checkpoint.part"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with aside.open("wb") as file:
                np.savez(file, **arrays)  # type: ignore[arg-type] # its stub wants no names
            aside.replace(self.path)
        except OSError as error:
            aside.unlink(missing_ok=True)
            raise TrainingFailed(
                f"the state after epoch {self.epoch} cannot be written to {self.path}: "
                f"{error.strerror or error}; make room, then go on with --resume"
            ) from error


def _variables(model: keras.Model) -> list[Any]:
    return [*model.variables, *model.optimizer.variables]
