"""A run's state after each epoch, so that an interruption loses at most one.

One file holds every variable of the model and of its optimizer (moments, averages, the step), the
states of random generators among them, the history and what early stopping remembers. Batches
depend on the seed, the epoch and the step alone, so a run that goes on gives the same weights as
one that was never interrupted.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from training.errors import ExportError, UsageError

History = dict[str, list[float]]
"""By epoch: `loss`, `accuracy`, `val_loss`, `val_accuracy`."""


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

    def __init__(self, path: Path, run: dict[str, Any], stopping: Stopping | None) -> None:
        super().__init__()
        self.path = path
        self.run = run
        """What the run is (its knobs, the versions): a state of another run is refused."""
        self.stopping = stopping
        self.history: History = {}
        self.epoch = 0
        """Epochs done when the fitting starts."""

    def restore(self, model: keras.Model) -> None:
        """Take up the state in the file, if there is one; the model is compiled.

        Raises:
            UsageError: the state is of a run with other knobs.
            ExportError: the file cannot be read.
        """
        if not self.path.exists():
            return
        try:
            with np.load(self.path, allow_pickle=False) as file:
                arrays = dict(file)
        except (OSError, ValueError, EOFError) as error:
            raise ExportError(f"{self.path} cannot be read: {error}; start without it") from error
        state = json.loads(arrays.pop("state").tobytes())
        if state["run"] != self.run:
            other = {key for key in self.run if state["run"].get(key) != self.run[key]}
            raise UsageError(
                f"{self.path} is of a run with another {', '.join(sorted(other))}: "
                "give the same knobs, or start anew without --resume"
            )
        model.optimizer.build(model.trainable_variables)
        for index, variable in enumerate(_variables(model)):
            variable.assign(arrays[f"variable_{index}"])
        self.epoch, self.history = state["epoch"], state["history"]
        if self.stopping is not None:
            best = [arrays[f"best_{index}"] for index in range(state["num_best"])]
            self.stopping.memory = {**state["stopping"], "best_weights": best or None}

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write the state of a run that is about to begin its epoch `epoch`, counted from 0."""
        if epoch > self.epoch:
            self._write(epoch)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Add an epoch to the history."""
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(float(value))

    def _write(self, epoch: int) -> None:
        best = getattr(self.stopping, "best_weights", None) or []
        state = {
            "run": self.run,
            "epoch": epoch,
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
        self.path.parent.mkdir(parents=True, exist_ok=True)
        aside = self.path.with_suffix(".part.npz")
        np.savez(aside, **arrays)  # type: ignore[arg-type] # its stub wants no names
        aside.replace(self.path)


def _variables(model: keras.Model) -> list[Any]:
    return [*model.variables, *model.optimizer.variables]
