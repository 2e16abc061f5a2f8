"""Fitting keeps the best weights, averaged where asked for, and stops where nothing good comes."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from training.datasets import Dataset, Split
from training.errors import TrainingFailed
from training.recipe import KnobValue, Recipe
from training.running.fit import fit
from training.tasks.classification import Classification

RECIPE = Recipe(
    name="tiny", description="", dataset="mnist", architecture="mlp", validation_fraction=0.25
)


def _dataset() -> Dataset:
    random = np.random.default_rng(0)
    labels = np.arange(128, dtype=np.int64) % 3
    images = random.integers(0, 120, (128, 4, 4, 1), dtype=np.uint8)
    images[np.arange(128), labels] += 130  # a bright row tells the class
    split = Split(images, labels)
    return Dataset(split, split, labels=("a", "b", "c"), image_shape=(4, 4, 1))


def _model() -> keras.Model:
    keras.utils.set_random_seed(1)
    layers = keras.layers
    return keras.Sequential(
        [keras.Input((4, 4, 1)), layers.Rescaling(1 / 255), layers.Flatten(), layers.Dense(3)]
    )


def _fitted(folder: Path, **knobs: KnobValue) -> tuple[keras.Model, dict[str, list[float]]]:
    model, recipe = _model(), RECIPE.override(**knobs)
    task = Classification(recipe, _dataset())
    return model, fit(model, recipe, task, folder=folder, verbose=False)


@pytest.mark.parametrize("averaging", [0.0, 0.9])
def test_the_weights_of_the_best_epoch_are_kept(tmp_path: Path, averaging: float) -> None:
    knobs: dict[str, KnobValue] = {"epochs": 6, "batch_size": 16, "learning_rate": 0.8}
    model, history = _fitted(tmp_path, **knobs, schedule="constant", averaging=averaging)
    batches = Classification(RECIPE, _dataset()).validation_batches()
    loss, _ = model.evaluate(batches, verbose=0)
    assert loss == pytest.approx(min(history["val_loss"]), rel=1e-4)


def test_it_learns_and_repeats_itself(tmp_path: Path) -> None:
    knobs: dict[str, KnobValue] = {
        "epochs": 4,
        "batch_size": 8,
        "learning_rate": 0.05,
        "shift": 0.5,
    }
    first, again = (_fitted(tmp_path / name, **knobs) for name in "ab")
    assert first[1]["val_accuracy"][-1] > 0.9
    for one, other in zip(first[0].get_weights(), again[0].get_weights(), strict=True):
        assert np.allclose(one, other, atol=1e-5)


def test_patience_ends_a_run_that_gets_no_better(tmp_path: Path) -> None:
    _, history = _fitted(tmp_path, epochs=30, learning_rate=0.0, schedule="constant", patience=2)
    assert len(history["loss"]) == 3


def test_a_loss_that_is_no_number_stops_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(TrainingFailed, match=r"loss became .* in epoch 1 .*lower --learning-rate"):
        _fitted(tmp_path, epochs=3, learning_rate=1e38, schedule="constant", batch_size=8)


def test_a_validation_loss_that_is_no_number_stops_with_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, dataset = RECIPE.override(epochs=2), _dataset()
    task = Classification(recipe, dataset)
    images, labels = next(iter(task.validation_batches()))
    broken = tf.data.Dataset.from_tensors((tf.cast(images, tf.float32) * np.nan, labels))
    monkeypatch.setattr(task, "validation_batches", lambda: broken)
    sentence = r"the validation's loss became nan after epoch 1, .*lower --learning-rate"
    with pytest.raises(TrainingFailed, match=sentence):
        fit(_model(), recipe, task, folder=tmp_path, verbose=False)
