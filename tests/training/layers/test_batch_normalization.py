"""Our batch normalization is Keras' own, in training, in inference and after several steps."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from tests.training.layer_checks import check_layer
from training.layers.batch_normalization import BatchNormalization

RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize("shape", [(6, 5), (3, 4, 4, 5)])
def test_it_is_a_layer(shape: tuple[int, ...]) -> None:
    inputs = RANDOM.normal(size=shape).astype(np.float32)
    check_layer(BatchNormalization, inputs)


def test_training_normalizes_by_the_batch() -> None:
    layer = BatchNormalization(momentum=0.9, epsilon=1e-5)
    images = RANDOM.normal(3, 2, (16, 4, 4, 3)).astype(np.float32)
    outputs = np.asarray(layer(images, training=True))
    assert outputs.mean(axis=(0, 1, 2)) == pytest.approx(0, abs=1e-4)
    assert outputs.std(axis=(0, 1, 2)) == pytest.approx(1, abs=1e-4)
    flat = images.reshape(-1, 3)
    np.testing.assert_allclose(layer.moving_mean, 0.1 * flat.mean(axis=0), rtol=1e-4)
    np.testing.assert_allclose(layer.moving_variance, 0.9 + 0.1 * flat.var(axis=0), rtol=1e-4)


def test_inference_depends_on_nothing_else_in_the_batch() -> None:
    layer = BatchNormalization()
    images = RANDOM.normal(3, 2, (8, 3)).astype(np.float32)
    layer(images, training=True)
    statistics = np.asarray(layer.moving_mean)
    together = np.asarray(layer(images))
    np.testing.assert_allclose(together[:1], layer(images[:1]), rtol=1e-6)
    np.testing.assert_array_equal(layer.moving_mean, statistics)


def test_frozen_it_infers_while_the_rest_trains() -> None:
    layer = BatchNormalization()
    images = RANDOM.normal(3, 2, (8, 3)).astype(np.float32)
    layer.trainable = False
    np.testing.assert_array_equal(layer(images, training=True), layer(images))
    assert not np.asarray(layer.moving_mean).any()


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_after_several_training_steps_it_equals_keras_own(policy: str) -> None:
    images = RANDOM.normal(1, 2, (64, 6)).astype(np.float32)
    targets = images[:, :1] * images[:, 1:2]
    models = []
    for cls in (BatchNormalization, keras.layers.BatchNormalization):
        keras.utils.set_random_seed(3)
        inputs = keras.Input((6,))
        x = keras.layers.Dense(5, dtype=policy)(inputs)
        x = cls(momentum=0.8, epsilon=1e-4, dtype=policy, name="normalization")(x)
        model = keras.Model(inputs, keras.layers.Dense(1, dtype="float32")(x))
        model.compile(keras.optimizers.SGD(0.05), "mse")
        model.fit(images, targets, batch_size=16, epochs=3, shuffle=False, verbose=0)
        models.append(model)
    ours, theirs = models
    error = 1e-5 if policy == "float32" else 0.02
    for one, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=error, atol=error)
    np.testing.assert_allclose(ours(images), theirs(images), rtol=error, atol=error)


def test_statistics_are_float32_where_the_rest_is_bfloat16() -> None:
    layer = BatchNormalization(dtype="mixed_bfloat16")
    near = 100 + RANDOM.normal(0, 0.1, (4096, 2)).astype(np.float32)  # bfloat16 knows 100 and 100.5
    outputs = layer(near, training=True)
    assert keras.backend.standardize_dtype(outputs.dtype) == "bfloat16"
    assert np.asarray(keras.ops.cast(outputs, "float32")).std() == pytest.approx(0.95, abs=0.02)


def test_what_it_cannot_do_is_refused() -> None:
    with pytest.raises(ValueError, match=r"momentum must be in 0–1; received 1\.5"):
        BatchNormalization(momentum=1.5)
    with pytest.raises(ValueError, match="epsilon must be above 0; received -1"):
        BatchNormalization(epsilon=-1)
    with pytest.raises(ValueError, match="whose last axis has a known size"):
        BatchNormalization().build((None, None))
