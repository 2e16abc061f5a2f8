"""TensorBoard finds every epoch's measures where it looks for them."""

from __future__ import annotations

from pathlib import Path

import pytest
import tensorflow as tf
from tensorflow.core.util import event_pb2

from training.running.event_log import EventLog


def _scalars(folder: Path) -> dict[tuple[str, int], float]:
    """What the event files of a folder hold, as TensorBoard's scalars: by tag and step."""
    found = {}
    for record in tf.data.TFRecordDataset([str(path) for path in folder.glob("events.out.*")]):
        event = event_pb2.Event.FromString(record.numpy())
        for value in event.summary.value:
            assert value.metadata.plugin_data.plugin_name == "scalars"
            found[value.tag, event.step] = float(tf.make_ndarray(value.tensor))
    return found


def test_training_and_validation_stand_side_by_side(tmp_path: Path) -> None:
    log = EventLog(tmp_path)
    log.on_epoch_end(0, {"loss": 2.0, "learning_rate": 0.5, "val_loss": 4.0})
    log.on_epoch_end(1, {"loss": 1.0, "learning_rate": 0.25, "val_loss": 3.0})
    losses = {("epoch_loss", 0): 2.0, ("epoch_loss", 1): 1.0}
    rates = {("epoch_learning_rate", 0): 0.5, ("epoch_learning_rate", 1): 0.25}
    assert _scalars(tmp_path / "train") == {**losses, **rates}  # seen while it still runs
    log.on_train_end()
    validation = {("epoch_loss", 0): 4.0, ("epoch_loss", 1): 3.0}
    assert _scalars(tmp_path / "validation") == validation


def test_a_run_that_goes_on_adds_to_its_log(tmp_path: Path) -> None:
    for epoch in range(2):
        log = EventLog(tmp_path)
        log.on_epoch_end(epoch, {"loss": 1.0})
        log.on_train_end()
    assert set(_scalars(tmp_path / "train")) == {("epoch_loss", 0), ("epoch_loss", 1)}


@pytest.mark.parametrize("name", ["file", "folder"])
def test_a_log_that_cannot_be_written_is_given_up_with_one_warning(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    (tmp_path / "file").touch()  # no folder can be made there; in the other the disk fills up
    log = EventLog(tmp_path / name / "tensorboard")
    if name == "folder":

        def fill(*_: object) -> None:
            raise tf.errors.ResourceExhaustedError(None, None, "No space left on device")

        monkeypatch.setattr("training.running.event_log._write", fill)
    for epoch in range(2):
        log.on_epoch_end(epoch, {"loss": 1.0, "val_loss": 1.0})
    log.on_train_end()
    (warning,) = caplog.messages
    assert warning.startswith(f"the event log cannot be written into {log.folder} (")
    assert warning.endswith("): training goes on without it")
