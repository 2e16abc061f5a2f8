"""The dual encoder gives vectors of length 1, whatever pads a text, and learns to match pairs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from training.architectures import clip
from training.objectives.losses import Contrastive

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.integers(0, 256, (4, 32, 32, 3)).astype(np.float32)
TOKENS = np.array([[1, 5, 6, 0], [1, 7, 0, 0], [1, 8, 9, 10], [1, 11, 0, 0]], np.int32)


def _model(**changes: Any) -> keras.Model:
    return clip.build((32, 32, 3), 20, **{"num_concepts": 3, "embedding_dim": 16, **changes})


@pytest.fixture(scope="module")
def model() -> keras.Model:
    keras.utils.set_random_seed(0)
    return _model()


def test_logits_are_cosines_by_the_temperature(model: keras.Model) -> None:
    images = np.asarray(model.get_layer("image_encoder")(IMAGES))
    texts = np.asarray(model.get_layer("text_encoder")(TOKENS))
    for vectors in (images, texts):
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)
    logits = model({"images": IMAGES, "tokens": TOKENS[:2]})
    shapes = {name: tuple(each.shape) for name, each in logits.items()}
    assert shapes == {"pairs": (4, 2), "images": (4, 3), "texts": (2, 3)}
    expected = images @ texts[:2].T / 0.07
    np.testing.assert_allclose(logits["pairs"], expected, rtol=1e-3, atol=1e-4)


def test_padding_changes_nothing(model: keras.Model) -> None:
    encoder = model.get_layer("text_encoder")
    longer = np.pad(TOKENS, [(0, 0), (0, 4)])
    np.testing.assert_allclose(encoder(longer), encoder(TOKENS), atol=1e-5)
    np.testing.assert_allclose(encoder(TOKENS[1:2, :2]), encoder(TOKENS[1:2]), atol=1e-5)
    assert np.isfinite(encoder(np.zeros((1, 3), np.int32))).all()
    assert np.isfinite(model.get_layer("image_encoder")(np.full((1, 32, 32, 3), 255.0))).all()


def test_it_saves_and_learns(model: keras.Model, tmp_path: Path) -> None:
    inputs = {"images": IMAGES, "tokens": TOKENS}
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    for name, logits in model(inputs).items():
        np.testing.assert_allclose(again(inputs)[name], logits, rtol=1e-5, atol=1e-5)
    positives = {"pairs": np.eye(4), "images": np.eye(4, 3), "texts": np.eye(4, 3)}
    optimizer = keras.optimizers.Adam(0.01)
    losses = []
    for _ in range(8):
        with tf.GradientTape() as tape:
            logits = again(inputs, training=True)
            losses.append(sum(Contrastive()(positives[name], logits[name]) for name in logits))
        weights = again.trainable_weights
        gradients = tape.gradient(losses[-1], [weight.value for weight in weights])
        assert all(gradient is not None for gradient in gradients)
        optimizer.apply(gradients, weights)
    assert float(losses[-1]) < 0.7 * float(losses[0])


def test_mixed_precision_keeps_vectors_and_logits_float32() -> None:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        mixed = _model()
    finally:
        keras.config.set_dtype_policy(before)
    assert {weight.dtype for weight in mixed.weights} <= {"float32", "uint32", "int64"}
    for logits in mixed({"images": IMAGES, "tokens": TOKENS}).values():
        assert keras.backend.standardize_dtype(logits.dtype) == "float32"
        assert np.isfinite(logits).all()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"embedding_dim": 7}, "embedding_dim must be even"),
        ({"embedding_dim": 0}, "at least 2; received 0"),
        ({"num_concepts": 0}, "num_concepts must be at least 1"),
    ],
)
def test_what_cannot_be_is_refused(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        _model(**changes)
