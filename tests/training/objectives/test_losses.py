"""Huber's loss is its definition, its gradient is right, and it is Keras' own by another name."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.training.layer_checks import unregistered
from training.objectives.losses import Huber, huber

RANDOM = np.random.default_rng(0)
THRESHOLDS = [0.25, 1.0, 3.0]


def _pair(*shape: int) -> tuple[np.ndarray, np.ndarray]:
    y_true, y_pred = RANDOM.normal(0, 2, (2, *shape)).astype(np.float32)
    return y_true, y_pred


def test_it_is_the_notes_definition() -> None:
    errors = np.array([-3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 3.0])
    expected = [abs(x) - 0.5 if abs(x) > 1 else x * x / 2 for x in errors]
    np.testing.assert_allclose(huber(errors), expected)


@pytest.mark.parametrize("threshold", THRESHOLDS)
def test_its_gradient_is_the_error_cut_at_the_threshold(threshold: float) -> None:
    errors = tf.constant([*np.linspace(-6, 6, 41), threshold, -threshold], tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(errors)
        total = tf.reduce_sum(huber(errors, threshold))
    gradient = tape.gradient(total, errors)
    np.testing.assert_allclose(gradient, np.clip(errors, -threshold, threshold), atol=1e-12)
    step = 1e-6
    slope = (huber(errors + step, threshold) - huber(errors - step, threshold)) / (2 * step)
    np.testing.assert_allclose(gradient, slope, atol=1e-6)


def test_an_enormous_error_stays_finite() -> None:
    error = tf.constant([1e30])
    with tf.GradientTape() as tape:
        tape.watch(error)
        loss = huber(error)
    assert np.isfinite(loss).all()
    assert tape.gradient(loss, error).numpy() == 1


@pytest.mark.parametrize("threshold", THRESHOLDS)
@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum", "none"])
@pytest.mark.parametrize("shape", [(7,), (7, 3), (4, 3, 2)])
def test_it_equals_keras_own(threshold: float, reduction: str, shape: tuple[int, ...]) -> None:
    y_true, y_pred = _pair(*shape)
    ours, theirs = Huber(threshold, reduction=reduction), keras.losses.Huber(threshold, reduction)
    np.testing.assert_allclose(ours(y_true, y_pred), theirs(y_true, y_pred), rtol=1e-5)
    if len(shape) > 1:
        weights = RANDOM.uniform(0, 1, shape[:1] + (1,) * (len(shape) - 2)).astype(np.float32)
        found, expected = (loss(y_true, y_pred, sample_weight=weights) for loss in (ours, theirs))
        np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_name_reduction_and_dtype_are_kept_by_the_config() -> None:
    loss = Huber(2.5, reduction="sum", name="robust", dtype="float16")
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    assert isinstance(again, Huber)
    assert again.get_config() == loss.get_config()
    assert (again.threshold, again.reduction, again.name) == (2.5, "sum", "robust")
    assert again.dtype == "float16"


def test_a_saved_model_goes_on_with_it(tmp_path: Path) -> None:
    inputs = keras.Input((3,))
    model = keras.Model(inputs, keras.layers.Dense(2)(inputs))
    model.compile("sgd", loss=Huber(2.0))
    x, y = RANDOM.normal(size=(8, 3)), RANDOM.normal(size=(8, 2))
    model.fit(x, y, verbose=0)
    model.save(tmp_path / "model.keras")
    by_name = keras.models.load_model(tmp_path / "model.keras")
    with unregistered(Huber) as custom_objects:
        named = keras.models.load_model(tmp_path / "model.keras", custom_objects=custom_objects)
    for again in (by_name, named):
        assert again.loss.get_config() == model.loss.get_config()
        assert again.evaluate(x, y, verbose=0) == pytest.approx(model.evaluate(x, y, verbose=0))


@pytest.mark.parametrize(("true", "predicted"), [((4,), (4, 1)), ((4, 1), (4, 2)), ((2, 3), (3,))])
def test_different_shapes_are_refused(true: tuple[int, ...], predicted: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="must have the same shape; received"):
        Huber()(np.zeros(true), np.zeros(predicted))


@pytest.mark.parametrize("threshold", [0, -1.0, float("nan")])
def test_a_threshold_is_above_0(threshold: float) -> None:
    with pytest.raises(ValueError, match="threshold must be above 0; received"):
        Huber(threshold)
