"""A run that was interrupted goes on as if it never had been; nothing of a state is lost."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from training.datasets import Dataset, Split
from training.errors import TrainingFailed, UsageError
from training.recipe import KnobValue, Recipe
from training.running.checkpoint import FILE, Checkpoint, History
from training.running.fit import Finite, compile_model, fit
from training.tasks.classification import Classification

RECIPE = Recipe(
    name="tiny",
    description="",
    dataset="mnist",
    architecture="mlp",
    epochs=6,
    batch_size=16,
    learning_rate=0.3,
    averaging=0.6,
    weight_decay=0.01,
    validation_fraction=0.25,
    patience=50,
    shift=0.5,
    noise=20,
)


class Interruption(Exception):
    """Stands for Ctrl-C, a lost machine, a full disk."""


def _dataset() -> Dataset:
    random = np.random.default_rng(0)
    labels = np.arange(128, dtype=np.int64) % 3
    images = random.integers(0, 200, (128, 4, 4, 1), dtype=np.uint8)
    images[np.arange(128), labels] += 50  # a brighter row tells the class
    split = Split(images, labels)
    return Dataset(split, split, labels=("a", "b", "c"), image_shape=(4, 4, 1))


def _model() -> keras.Model:
    """Dropout, whose random state a run must keep, and batch statistics."""
    keras.utils.set_random_seed(1)
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((4, 4, 1)),
            layers.Rescaling(1 / 255),
            layers.Flatten(),
            layers.Dense(8, activation="relu"),
            layers.BatchNormalization(),
            layers.Dropout(0.3),
            layers.Dense(3),
        ]
    )


def _fitted(
    folder: Path, *, resume: bool = False, **knobs: KnobValue
) -> tuple[keras.Model, History]:
    model, recipe = _model(), RECIPE.override(**knobs)
    task = Classification(recipe, _dataset())
    with pytest.MonkeyPatch.context() as patch:  # no divisor of the 6 steps of an epoch
        patch.setattr("training.running.fit._steps_per_visit", lambda *_: 4)
        return model, fit(model, recipe, task, folder=folder, resume=resume, verbose=False)


def _interrupt(folder: Path, *, epoch: int, **knobs: KnobValue) -> None:
    """Fit until the middle of an epoch, counted from 1."""
    judge = Finite.on_train_batch_end

    def interrupt(self: Finite, batch: int, logs: Any = None) -> None:
        judge(self, batch, logs)
        if self.epoch == epoch:
            raise Interruption

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Finite, "on_train_batch_end", interrupt)
        with pytest.raises(Interruption):
            _fitted(folder, resume=False, **knobs)


def _checkpoint(folder: Path, **knobs: KnobValue) -> tuple[keras.Model, Checkpoint]:
    """A model about to be fitted, and its run's checkpoint."""
    model, recipe = _model(), RECIPE.override(**knobs)
    compile_model(model, recipe, Classification(recipe, _dataset()))
    state = Checkpoint(folder, recipe, None)
    state.set_model(model)
    return model, state


def _write(folder: Path, *, epoch: int = 2) -> Path:
    """Write the state of a run that has done some epochs."""
    model, state = _checkpoint(folder)
    model.optimizer.build(model.trainable_variables)
    state.on_epoch_begin(epoch)
    return state.path


def _rewrite(path: Path, **changes: Any) -> None:
    """Change what a state says of its run; None forgets it."""
    with np.load(path) as file:
        arrays = dict(file)
    state = json.loads(arrays["state"].tobytes())
    run = {**state["run"], **changes}
    state["run"] = {name: value for name, value in run.items() if value is not None}
    arrays["state"] = np.frombuffer(json.dumps(state).encode(), np.uint8)
    np.savez(path, **arrays)


@pytest.mark.parametrize("keep", ["best", "last"])
def test_a_run_that_goes_on_ends_like_one_never_interrupted(tmp_path: Path, keep: str) -> None:
    whole, history = _fitted(tmp_path / "whole", keep=keep)
    assert whole.optimizer.iterations == 6 * 6
    assert np.argmin(history["val_loss"]) < 3  # the best weights themselves outlive the stop
    _interrupt(tmp_path / "parts", epoch=5, keep=keep)
    parts, its_history = _fitted(tmp_path / "parts", resume=True, keep=keep)
    assert its_history == history
    for one, other in zip(whole.variables, parts.variables, strict=True):
        assert np.array_equal(one, other), one.path


def test_without_a_state_there_is_nothing_to_go_on_from(tmp_path: Path) -> None:
    model, state = _checkpoint(tmp_path)
    with pytest.raises(UsageError, match=r"nothing to go on from in .*: leave out --resume to"):
        state.restore(model)


def test_a_state_of_other_knobs_is_refused_by_their_names(tmp_path: Path) -> None:
    _write(tmp_path)
    model, state = _checkpoint(tmp_path, batch_size=8, noise=30)
    with pytest.raises(UsageError, match=r"a run with batch_size 16, noise 20: give the same"):
        state.restore(model)


def test_a_state_of_another_model_is_refused(tmp_path: Path) -> None:
    _write(tmp_path)
    _, state = _checkpoint(tmp_path)
    other = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    other.compile("sgd")
    with pytest.raises(UsageError, match="of a run with another model: start anew"):
        state.restore(other)


def test_a_state_cut_short_is_refused(tmp_path: Path) -> None:
    path = _write(tmp_path)
    path.write_bytes(path.read_bytes()[:3000])
    model, state = _checkpoint(tmp_path)
    with pytest.raises(UsageError, match=r"cannot be read \(.*\): start anew without --resume"):
        state.restore(model)


def test_a_knob_that_an_older_state_lacks_had_its_default(tmp_path: Path) -> None:
    _rewrite(_write(tmp_path), precision=None)
    model, state = _checkpoint(tmp_path)
    state.restore(model)
    assert state.epoch == 2
    model, state = _checkpoint(tmp_path, precision="mixed_bfloat16")
    with pytest.raises(UsageError, match="of a run with precision float32"):
        state.restore(model)


def test_starting_anew_moves_a_state_aside(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    written = [_write(tmp_path).read_bytes()]
    _checkpoint(tmp_path)[1].begin()
    written.append(_write(tmp_path, epoch=3).read_bytes())
    _checkpoint(tmp_path)[1].begin()
    assert [path.read_bytes() for path in sorted(tmp_path.iterdir())] == written
    assert "is now" in caplog.text


def test_a_full_disk_is_one_sentence_and_keeps_the_state_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = _write(tmp_path).read_bytes()

    def fill(file: Any, **arrays: object) -> None:
        file.write(b"PK")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("training.running.checkpoint.np.savez", fill)
    sentence = r"the state after epoch 3 cannot be written to .*: No space left on device; make"
    with pytest.raises(TrainingFailed, match=sentence):
        _write(tmp_path, epoch=3)
    assert (tmp_path / FILE).read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == [FILE]
