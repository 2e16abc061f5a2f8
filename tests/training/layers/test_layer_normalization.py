"""Our layer normalization is Keras' own; the notes' form differs as its docstring says."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.training.layer_checks import check_layer
from training.layers.layer_normalization import Convention, LayerNormalization

RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize("convention", ["sqrt", "notes"])
@pytest.mark.parametrize("shape", [(3, 8), (2, 4, 8)])
def test_it_is_a_layer(shape: tuple[int, ...], convention: Convention) -> None:
    inputs = RANDOM.normal(size=shape).astype(np.float32)
    check_layer(lambda: LayerNormalization(convention=convention), inputs)


def test_at_the_same_epsilon_it_equals_keras_own() -> None:
    inputs = RANDOM.normal(2, 3, (5, 4, 8)).astype(np.float32)
    for epsilon in (1e-6, 1e-3, 0.5):
        ours, theirs = LayerNormalization(epsilon), keras.layers.LayerNormalization(epsilon=epsilon)
        ours(inputs)
        theirs(inputs)
        ours.set_weights([RANDOM.normal(size=8), RANDOM.normal(size=8)])
        theirs.set_weights(ours.get_weights())
        np.testing.assert_allclose(ours(inputs), theirs(inputs), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("deviation", "ratio"), [(1e-6, 31.6), (0.01, 3.02), (0.1, 1.038), (0.4995, 1), (1, 0.9995)]
)
def test_the_notes_form_differs_as_the_docstring_says(deviation: float, ratio: float) -> None:
    row = np.array([[-1.0, 1.0, -1.0, 1.0]], np.float32) * np.float32(deviation)
    notes = np.asarray(LayerNormalization(convention="notes")(row))
    assert notes / np.asarray(LayerNormalization()(row)) == pytest.approx(ratio, rel=2e-3)
    assert notes == pytest.approx(row / (deviation + 0.001), rel=1e-4)


def test_from_half_a_deviation_on_both_agree_to_a_twentieth_of_a_percent() -> None:
    rows = RANDOM.normal(size=(50, 16)).astype(np.float32)
    rows /= rows.std(axis=1, keepdims=True)
    rows *= np.linspace(0.5, 50, 50, dtype=np.float32)[:, None]
    notes = LayerNormalization(convention="notes")(rows)
    np.testing.assert_allclose(notes, LayerNormalization()(rows), rtol=5.1e-4, atol=1e-5)


@pytest.mark.parametrize("convention", ["sqrt", "notes"])
def test_a_constant_row_gives_beta_and_finite_gradients(convention: Convention) -> None:
    layer = LayerNormalization(convention=convention)
    row = tf.constant([[7.0, 7.0, 7.0]])
    with tf.GradientTape() as tape:
        tape.watch(row)
        outputs = layer(row)
        total = tf.reduce_sum(outputs * [[1.0, 2.0, 4.0]])
    np.testing.assert_array_equal(outputs, np.zeros((1, 3)))
    assert np.isfinite(tape.gradient(total, row)).all()


def test_what_it_cannot_do_is_refused() -> None:
    with pytest.raises(ValueError, match="epsilon must be above 0; received 0"):
        LayerNormalization(0)
    with pytest.raises(ValueError, match="convention must be one of sqrt, notes; received 'std'"):
        LayerNormalization(convention="std")  # type: ignore[arg-type]  # refused
    with pytest.raises(ValueError, match="whose last axis has a known size"):
        LayerNormalization().build((None, None))
