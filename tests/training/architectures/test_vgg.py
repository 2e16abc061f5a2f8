"""VGG has the papers' parameters, takes Keras' weights, and images of any shape."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from tests.training.architecture_checks import (
    check_classifier,
    check_mixed_precision,
    parameters,
)
from training.architectures import vgg
from training.recipes import fashion_mnist_vgg

TINY: dict[str, Any] = {"depths": (1, 2), "filters": (4, 6), "dense_dims": (8,)}


@pytest.mark.parametrize(
    ("variant", "count"),
    [("11", 132_863_336), ("13", 133_047_848), ("16", 138_357_544), ("19", 143_667_240)],
)
def test_parameters_at_224x224x3_in_1000_classes(variant: str, count: int) -> None:
    assert parameters(vgg.build, vgg.VARIANTS[variant])[0] == count


def test_the_small_variant_is_the_network_that_the_recipe_trains() -> None:
    variant = vgg.VARIANTS["28-pixels"]
    assert parameters(vgg.build, variant)[0] == 577_506
    trained = fashion_mnist_vgg.RECIPE.arguments
    assert variant == {"image_shape": (28, 28, 1), "num_classes": 10, **trained}


def test_the_weights_are_those_of_keras_applications() -> None:
    backbone = keras.applications.VGG16(
        include_top=False, weights=None, input_shape=(32, 32, 3), pooling=None
    )
    x = keras.layers.Flatten()(backbone.output)  # Keras' own head, narrower: 119 M weights fewer
    for dim in (64, 32):
        x = keras.layers.Dense(dim, activation="relu")(x)
    reference = keras.Model(backbone.input, keras.layers.Dense(10)(x))
    random = np.random.default_rng(0)
    weights = [  # of He's deviation, so that 16 layers keep the size of the sums
        random.normal(scale=(2 / max(1, np.prod(weight.shape[:-1]))) ** 0.5, size=weight.shape)
        if len(weight.shape) > 1
        else random.normal(scale=0.1, size=weight.shape)
        for weight in reference.weights
    ]
    reference.set_weights(weights)
    variant = {**vgg.VARIANTS["16"], "image_shape": (32, 32, 3), "num_classes": 10}
    ours = vgg.build(**variant, dense_dims=(64, 32))
    ours.set_weights(reference.get_weights())

    images = random.integers(0, 256, (2, 32, 32, 3)).astype(np.float32)
    expected = np.asarray(reference(keras.applications.vgg16.preprocess_input(images.copy())))
    error = np.abs(np.asarray(ours(images)) - expected).max() / np.abs(expected).max()
    assert error < 1e-5


@pytest.mark.parametrize("shape", [(4, 4, 1), (9, 17, 3)])
@pytest.mark.parametrize("batch_norm", [False, True])
def test_any_image_shape_and_class_count(shape: tuple[int, int, int], batch_norm: bool) -> None:
    check_classifier(vgg.build(shape, 3, **TINY, batch_norm=batch_norm))


def test_colours_scaled_as_keras_scales_them_survive_saving() -> None:
    check_classifier(vgg.build((8, 8, 3), 3, **TINY, scaling="caffe"))


def test_logits_stay_exact_in_mixed_precision() -> None:
    check_mixed_precision(lambda: vgg.build((8, 8, 3), 3, **TINY, batch_norm=True))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"image_shape": (31, 90, 3)}, "5 stacks needs .* at least 32×32 pixels; received 31×90"),
        ({"num_classes": 1}, "num_classes must be at least 2; received 1"),
        ({"depths": (1, 1)}, r"one number .* each stack; received depths=\(1, 1\), filters=\(64"),
        ({"depths": (1,), "filters": (0,)}, r"at least 1 .* filters=\(0,\)"),
        ({"scaling": "rgb"}, "scaling must be one of .* received 'rgb'"),
        ({"image_shape": (32, 32, 1), "scaling": "caffe"}, "takes 3 channels; received 1"),
    ],
)
def test_what_cannot_be_is_refused(arguments: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        vgg.build(**{"image_shape": (32, 32, 3), "num_classes": 2, **arguments})
