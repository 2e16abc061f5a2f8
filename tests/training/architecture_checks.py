"""What every image classifier's architecture must do, checked by one shared body."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf


def check_classifier(model: keras.Model) -> None:
    """Check all that is asked of a classifier, given a small one.

    - float32 pixels 0–255 of its shape become finite logits, one row an image;
    - saved as a `.keras` file and reloaded, it gives the same;
    - a small step against the gradient, which reaches every trainable weight, lowers the loss.
    """
    _, *image_shape = model.input_shape
    _, num_classes = model.output_shape
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (4, *image_shape)).astype(np.float32)
    labels = np.arange(4) % num_classes
    logits = np.asarray(model(images))
    assert logits.shape == (4, num_classes)
    assert np.isfinite(logits).all()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        model.save(path)
        again = keras.models.load_model(path)
    np.testing.assert_allclose(again(images), logits, rtol=1e-5, atol=1e-5)
    _check_step(model, tf.constant(images), tf.constant(labels))


def check_mixed_precision(make: Callable[[], keras.Model]) -> None:
    """Check that logits and weights stay float32 where layers compute in bfloat16."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = make()
    finally:
        keras.config.set_dtype_policy(before)
    assert any(layer.compute_dtype == "bfloat16" for layer in model.layers)
    assert {weight.dtype for weight in model.weights} == {"float32"}
    logits = model(np.full((2, *model.input_shape[1:]), 255, np.float32))
    assert keras.backend.standardize_dtype(logits.dtype) == "float32"
    assert np.isfinite(np.asarray(logits)).all()


def _check_step(model: keras.Model, images: Any, labels: Any) -> None:
    loss_of = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    weights = [weight.value for weight in model.trainable_weights]
    with tf.GradientTape() as tape:
        loss = loss_of(labels, model(images))
    gradients = tape.gradient(loss, weights)
    missing = [
        weight.path
        for weight, gradient in zip(model.trainable_weights, gradients, strict=True)
        if gradient is None
    ]
    assert not missing, f"no gradient reaches {missing}"
    step = 0.01 / float(tf.linalg.global_norm(gradients))
    for weight, gradient in zip(model.trainable_weights, gradients, strict=True):
        weight.assign_sub(step * gradient)
    assert float(loss_of(labels, model(images))) < float(loss)


def parameters(
    build: Callable[..., keras.Model], arguments: Mapping[str, Any]
) -> tuple[int, keras.Model]:
    """How many parameters a model has, and the model, with no number of them in memory.

    Keras initializes such a model's weights when it next may, so they are forgotten.
    """
    with keras.StatelessScope(initialize_variables=False):
        model = build(**arguments)
        count = model.count_params()
    keras.utils.clear_session(free_memory=False)
    return count, model
