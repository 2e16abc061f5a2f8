"""A run's measures, epoch by epoch, as event files that TensorBoard shows.

    pip install tensorboard
    tensorboard --logdir runs

The files are written by TensorFlow alone: since 2.21 it does not bring TensorBoard along, whose own
`tf.summary.scalar` Keras' callback calls.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

logger = logging.getLogger(__name__)


class EventLog(keras.callbacks.Callback):
    """Writes what an epoch measured into `folder`: `train` and, without its `val_`, `validation`.

    The names are those of Keras' own callback: `epoch_loss`, `epoch_learning_rate` and so on. Where
    the files cannot be written, a warning says so and the run goes on without them: its history
    holds the same measures.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        self.writers: dict[str, Any] = {}
        self.broken = False

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write an epoch's scalars, so that they can be seen at once."""
        if self.broken:
            return
        try:
            self._write_epoch(epoch, logs or {})
        except (tf.errors.OpError, OSError) as error:
            self._give_up(error)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Close the files."""
        for writer in self.writers.values():
            try:
                writer.close()
            except (tf.errors.OpError, OSError) as error:
                self._give_up(error)

    def _write_epoch(self, epoch: int, logs: dict[str, Any]) -> None:
        for name, value in logs.items():
            side = "validation" if name.startswith("val_") else "train"
            if side not in self.writers:
                self.writers[side] = tf.summary.create_file_writer(str(self.folder / side))
            with self.writers[side].as_default():
                _write(f"epoch_{name.removeprefix('val_')}", float(value), epoch)
        for writer in self.writers.values():
            writer.flush()

    def _give_up(self, error: Exception) -> None:
        if not self.broken:
            logger.warning(
                "the event log cannot be written into %s (%s): training goes on without it",
                self.folder,
                str(error).strip().partition("\n")[0],
            )
        self.broken = True


def _write(tag: str, value: float, step: int) -> None:
    about = tf.compat.v1.SummaryMetadata()
    about.plugin_data.plugin_name = "scalars"
    tf.summary.write(tag, tf.constant(value, tf.float32), step=step, metadata=about)
