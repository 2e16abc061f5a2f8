"""The graph scales pixels and makes probabilities as the model was trained to have them."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from service.manifest import ImageInput
from training.exporting import signatures
from training.exporting.signatures import Outputs, Scaling


@pytest.mark.parametrize(
    ("scaling", "white"),
    [
        ("none", [255, 255, 255]),
        ("unit", [1, 1, 1]),
        ("symmetric", [1, 1, 1]),
        ("imagenet", [2.24891, 2.42857, 2.64]),
        ("caffe", [151.061, 138.221, 131.32]),
    ],
)
def test_white_pixels_become_what_models_expect(scaling: Scaling, white: list[float]) -> None:
    pixels = tf.fill([1, 1, 1, 3], 255.0)
    assert np.allclose(signatures.scale(pixels, scaling)[0, 0, 0], white, atol=1e-4)


def test_caffe_turns_red_and_blue() -> None:
    red = tf.constant([[[[255.0, 0.0, 0.0]]]])
    assert np.argmax(signatures.scale(red, "caffe")[0, 0, 0]) == 2


@pytest.mark.parametrize(
    ("scores", "outputs", "expected"),
    [
        ([[0.0, 0.0]], "logits", [[0.5, 0.5]]),
        ([[0.2, 0.8]], "probabilities", [[0.2, 0.8]]),
        ([[0.0]], "logits", [[0.5, 0.5]]),
        ([[0.9]], "probabilities", [[0.1, 0.9]]),
    ],
)
def test_scores_become_probabilities(
    scores: list[list[float]], outputs: Outputs, expected: list[list[float]]
) -> None:
    assert np.allclose(signatures.to_probabilities(tf.constant(scores), outputs), expected)


def test_classify_is_the_model_with_everything_inside() -> None:
    inputs = keras.Input((6, 5, 3))
    x = keras.layers.BatchNormalization()(keras.layers.Flatten()(inputs))
    x = keras.layers.Dropout(0.5)(x)  # must not drop when it serves
    model = keras.Model(inputs, keras.layers.Dense(4)(x))
    classify = signatures.classify(model, ImageInput(height=6, width=5, channels=3), scaling="unit")
    images = np.random.default_rng(0).integers(0, 256, (7, 6, 5, 3), np.uint8)
    expected = tf.nn.softmax(model.predict(images / np.float32(255), verbose=0))
    assert np.allclose(classify(images)["probabilities"], expected, atol=1e-6)
    live = signatures.live(classify, {"images": images})
    assert np.allclose(live["probabilities"], expected, atol=1e-6)
