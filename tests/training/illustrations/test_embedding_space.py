"""The figures of emoji-clip are drawn from an export and a data set, or say what is missing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tests.training.emoji_drawings import write_emoji
from training.errors import DatasetError
from training.illustrations import embedding_space, retrieved_emoji
from training.text.byte_pairs import BytePairs


class Encoder(tf.Module):
    """Vectors of an image's mean colour, or of its tokens' sum."""

    @tf.function(input_signature=[tf.TensorSpec([None, 64, 64, 3], tf.uint8, name="images")])
    def image(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"embeddings": tf.reduce_mean(tf.cast(images, tf.float32) / 255, axis=[1, 2])}

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.int32, name="tokens")])
    def text(self, tokens: tf.Tensor) -> dict[str, tf.Tensor]:
        total = tf.cast(tf.reduce_sum(tokens, axis=1, keepdims=True), tf.float32)
        return {"embeddings": tf.concat([tf.sin(total), tf.cos(total), 0 * total], axis=1)}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An export of emoji-clip and a tiny data set, which the setting names."""
    root = tmp_path_factory.mktemp("emoji")
    export = root / "models" / "emoji-clip" / "3"
    encoder = Encoder()
    signatures = {"embed_image": encoder.image, "embed_text": encoder.text}
    tf.saved_model.save(encoder, str(export), signatures=signatures)
    (export / "assets.extra").mkdir()
    pieces = BytePairs.learn(["bar"], 300, 32)
    (export / "assets.extra/tokenizer.json").write_text(pieces.json, encoding="utf-8")
    write_emoji(root)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATASETS_DIR", str(root))
        for module in (embedding_space, retrieved_emoji):
            patch.setattr(module, "MODELS", root / "models")
        yield root / "models"


def test_the_space_and_what_is_found_are_drawn(models: Path, tmp_path: Path) -> None:
    assert models.is_dir()
    for module in (embedding_space, retrieved_emoji):
        path = module.draw(tmp_path)
        assert path.name == f"{module.__name__.rpartition('.')[2]}.png"
        with Image.open(path) as image:
            shades = np.asarray(image.convert("RGB")).reshape(-1, 3)
        assert len(np.unique(shades, axis=0)) > 20


def test_principal_directions_are_those_of_most_variance() -> None:
    rows = np.zeros((4, 3), np.float32)
    rows[:2, 1], rows[2:, 2] = (-3, 3), (-1, 1)
    directions, shares = embedding_space.principal(rows)
    np.testing.assert_allclose(np.abs(directions), np.eye(3)[:, 1:], atol=1e-6)
    np.testing.assert_allclose(shares, [0.9, 0.1], atol=1e-6)


def test_without_an_export_it_says_how_to_make_one(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert models.is_dir()
    monkeypatch.setattr(embedding_space, "MODELS", tmp_path)
    with pytest.raises(DatasetError, match="python -m training train emoji-clip"):
        embedding_space.draw(tmp_path)
