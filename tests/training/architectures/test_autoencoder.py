"""The autoencoder restores images of any shape, and by every way up its goldens would hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import openvino
import pytest
import tensorflow as tf

from training.architectures import autoencoder
from training.exporting import goldens
from training.exporting.conversion import convert
from training.tasks.reconstruction import reconstruct


@pytest.mark.parametrize("shape", [(28, 28, 1), (13, 18, 3)])
@pytest.mark.parametrize("variant", autoencoder.VARIANTS)
def test_any_image_shape_comes_back(variant: str, shape: tuple[int, int, int]) -> None:
    model = autoencoder.build(shape, **autoencoder.VARIANTS[variant])
    images = np.random.default_rng(0).integers(0, 256, (2, *shape)).astype(np.float32)
    restored = np.asarray(model(images))
    assert restored.shape == images.shape
    assert restored.dtype == np.float32
    assert restored.min() >= 0
    assert restored.max() <= 1
    rows, columns = (-(-side // 2 ** _levels(variant)) for side in shape[:2])
    assert model.get_layer("code").output.shape == (None, rows, columns, 8)


def _levels(variant: str) -> int:
    return len(autoencoder.VARIANTS[variant]["levels"])


def test_the_exported_graph_and_its_conversion_answer_alike(tmp_path: Path) -> None:
    keras.utils.set_random_seed(1)
    model = autoencoder.build((28, 28, 1), **autoencoder.VARIANTS["mixed"])
    module = tf.Module()
    module.model = model
    function = reconstruct(model, (28, 28, 1))
    tf.saved_model.save(module, str(tmp_path), signatures={"reconstruct": function})
    loaded = tf.saved_model.load(str(tmp_path))
    signature = loaded.signatures["reconstruct"]

    images = goldens.made(28, 28, 1)
    live = np.asarray(model(images.astype(np.float32)))
    answer = signature(images=tf.constant(images))["reconstructions"]
    np.testing.assert_allclose(answer, live, atol=1e-5)

    convert(signature, tmp_path / "reconstruct.xml")
    core = openvino.Core()
    compiled = core.compile_model(
        tmp_path / "reconstruct.xml", "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
    )
    np.testing.assert_allclose(next(iter(compiled(images).values())), live, atol=1e-5)


def test_skip_connections_hand_every_level_over() -> None:
    plain = autoencoder.build((28, 28, 1), **autoencoder.VARIANTS["transposed"])
    unet = autoencoder.build((28, 28, 1), **autoencoder.VARIANTS["unet"])
    names = {layer.name for layer in unet.layers} - {layer.name for layer in plain.layers}
    assert names == {"skip_1", "skip_2"}


@pytest.mark.parametrize(
    ("levels", "sentence"),
    [
        ((), "at least one level; received none"),
        (((8, "mean", "max"),), r"\(channels, max\|average, max\|nearest\|transposed\); received"),
        (((8, "average", "max"),), "only max pooling has positions for max-unpooling; received"),
        (((8, "max", "max"),) * 3, "3 levels need images of at least 8 pixels a side; received 6"),
    ],
)
def test_levels_that_cannot_be_are_refused(levels: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        autoencoder.build((6, 9, 1), levels=levels)
