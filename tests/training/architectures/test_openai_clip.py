"""OpenAI's CLIP has the authors' parameters, and reads a text at its end, blind to padding."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.training.architecture_checks import parameters
from training.architectures import openai_clip

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.integers(0, 256, (3, 16, 16, 3)).astype(np.float32)
START, END = 10, 11
TOKENS = np.array([[START, 5, 6, END], [START, 7, END, END], [START, END, END, END]], np.int32)
SMALL: dict[str, Any] = {
    "image_shape": (16, 16, 3),
    "patch_size": 8,
    "image_layers": 2,
    "image_dim": 12,
    "image_heads": 2,
    "image_mlp_dim": 24,
    "text_layers": 2,
    "text_dim": 8,
    "text_heads": 2,
    "text_mlp_dim": 16,
    "max_length": 8,
    "embedding_dim": 6,
}


def _model(**changes: Any) -> keras.Model:
    keras.utils.set_random_seed(0)
    model = openai_clip.build(12, **{**SMALL, **changes})
    random = np.random.default_rng(1)
    for weight in model.weights:  # larger than at the beginning, so that every part is felt
        weight.assign(weight + random.normal(scale=0.3, size=weight.shape))
    model.get_layer("similarity").set_weights([np.log(1 / 0.07)])
    return model


@pytest.fixture(scope="module")
def model() -> keras.Model:
    return _model()


def _texts(model: keras.Model, tokens: Any) -> np.ndarray:
    return np.asarray(model.get_layer("text_encoder")(np.asarray(tokens, np.int32)))


@pytest.mark.parametrize(
    ("variant", "count"),
    [("ViT-B/32", 151_277_313), ("ViT-B/16", 149_620_737), ("ViT-L/14", 427_616_513)],
)
def test_the_parameters_are_the_authors(variant: str, count: int) -> None:
    assert parameters(openai_clip.build, openai_clip.VARIANTS[variant])[0] == count


def test_logits_are_cosines_by_the_temperature(model: keras.Model) -> None:
    images, texts = np.asarray(model.get_layer("image_encoder")(IMAGES)), _texts(model, TOKENS)
    for vectors in (images, texts):
        assert vectors.shape == (3, 6)
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)
    logits = model({"images": IMAGES, "tokens": TOKENS[:2]})["pairs"]
    np.testing.assert_allclose(logits, images @ texts[:2].T / 0.07, rtol=1e-3, atol=1e-4)


def test_padding_changes_nothing_and_words_do(model: keras.Model) -> None:
    expected = _texts(model, TOKENS)
    for padding in (END, 0):  # whatever stands behind the end
        longer = np.pad(TOKENS, [(0, 0), (0, 4)], constant_values=padding)
        np.testing.assert_allclose(_texts(model, longer), expected, atol=1e-5)
    np.testing.assert_allclose(_texts(model, TOKENS[1:2, :3]), expected[1:2], atol=1e-5)
    other = _texts(model, [[START, 5, 7, END]])
    assert np.abs(other - expected[:1]).max() > 1e-3
    assert np.abs(expected[0] - expected[2]).max() > 1e-3


def test_a_text_is_read_at_its_end(model: keras.Model) -> None:
    named = _model(end_id=7)
    ends_early = _texts(named, [[START, 7, 5, 6]])
    np.testing.assert_allclose(ends_early, _texts(named, [[START, 7]]), atol=1e-5)
    assert np.abs(ends_early - _texts(model, [[START, 7, 5, 6]])).max() > 1e-3
    # without an end, at the last token there is
    np.testing.assert_allclose(
        _texts(named, [[START, 5, 6]]), _texts(_model(end_id=6), [[START, 5, 6, 3]]), atol=1e-5
    )


def test_an_image_is_normalized_by_channel() -> None:
    one = _model(mean=(0.5, 0.5, 0.5), std=(0.5, 0.25, 0.125)).get_layer("image_encoder")
    seen = keras.Model(one.input, one.get_layer("normalized").output)
    seen = seen(np.full((1, 16, 16, 3), 255.0))
    np.testing.assert_allclose(seen[0, 0, 0], [1, 2, 4], rtol=1e-5)


def test_it_saves_and_learns(model: keras.Model, tmp_path: Path) -> None:
    inputs = {"images": IMAGES, "tokens": TOKENS}
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(again(inputs)["pairs"], model(inputs)["pairs"], atol=1e-4)
    with tf.GradientTape() as tape:
        loss = keras.losses.sparse_categorical_crossentropy(
            np.arange(3), again(inputs, training=True)["pairs"], from_logits=True
        )
    weights = again.trainable_weights
    gradients = tape.gradient(loss, [weight.value for weight in weights])
    assert all(gradient is not None for gradient in gradients)


def test_vectors_stay_float32_in_mixed_precision() -> None:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        mixed = _model()
    finally:
        keras.config.set_dtype_policy(before)
    assert {weight.dtype for weight in mixed.weights} == {"float32"}
    pairs = mixed({"images": IMAGES, "tokens": TOKENS})["pairs"]
    assert keras.backend.standardize_dtype(pairs.dtype) == "float32"
    assert np.isfinite(pairs).all()


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="a block in either encoder; received 0 and 2"):
        _model(image_layers=0)
    with pytest.raises(ValueError, match="multiples of its patch_size 7"):
        _model(patch_size=7)
