"""AlexNet has the paper's parameters in one tower and in two, and takes images of any shape."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.training.architecture_checks import (
    check_classifier,
    check_mixed_precision,
    parameters,
)
from training.architectures import alexnet
from training.recipes import cifar10_alexnet

TINY: dict[str, Any] = {
    "filters": (4, 8, 8, 8, 4),
    "stem_size": 5,
    "stem_strides": 1,
    "dense_dims": (8, 6),
}


@pytest.mark.parametrize(
    ("variant", "count"), [("two-towers", 60_965_224), ("one-tower", 62_378_344)]
)
def test_parameters_and_maps_at_227x227x3_in_1000_classes(variant: str, count: int) -> None:
    found, model = parameters(alexnet.build, alexnet.VARIANTS[variant])
    assert found == count
    shapes = [layer.output.shape[1:3] for layer in model.layers if "_pool" in layer.name]
    assert set(shapes) == {(27, 27), (13, 13), (6, 6)}


def test_the_small_variant_is_the_network_that_the_recipe_trains() -> None:
    variant = alexnet.VARIANTS["32-pixels"]
    convolutions = [(25 * 3, 32), (25 * 16, 64), (9 * 64, 96), (9 * 48, 96), (9 * 48, 64)]
    dense = [(2 * 2 * 64, 192), (192, 192), (192, 10)]
    expected = sum((inputs + 1) * outputs for inputs, outputs in convolutions + dense)
    assert parameters(alexnet.build, variant)[0] == expected == 241_098
    trained = cifar10_alexnet.RECIPE.arguments
    assert variant == {"image_shape": (32, 32, 3), "num_classes": 10, **trained}


@pytest.mark.parametrize("towers", [1, 2])
@pytest.mark.parametrize("shape", [(19, 19, 1), (24, 37, 3)])
def test_any_image_shape_and_class_count(shape: tuple[int, int, int], towers: int) -> None:
    check_classifier(alexnet.build(shape, 3, **TINY, towers=towers))


def test_two_towers_meet_in_c3() -> None:
    model = alexnet.build((19, 19, 1), 2, **TINY, towers=2)
    inputs = {
        layer.name: layer.kernel.shape[-2]
        for layer in model.layers
        if layer.name[0] == "c" and hasattr(layer, "kernel")
    }
    assert inputs == {"c1_tower_1": 1, "c1_tower_2": 1, "c2_tower_1": 2, "c2_tower_2": 2,
                      "c3_tower_1": 8, "c3_tower_2": 8, "c4_tower_1": 4, "c4_tower_2": 4,
                      "c5_tower_1": 4, "c5_tower_2": 4}  # fmt: skip


def test_units_are_dropped_while_training_alone() -> None:
    model = alexnet.build((19, 19, 1), 2, **TINY, dropout_rate=0.5)
    images = np.random.default_rng(0).integers(0, 256, (2, 19, 19, 1)).astype(np.float32)
    np.testing.assert_array_equal(model(images), model(images))
    assert np.any(np.asarray(model(images, training=True)) != np.asarray(model(images)))


def test_logits_stay_exact_in_mixed_precision() -> None:
    check_mixed_precision(lambda: alexnet.build((19, 19, 1), 3, **TINY))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"image_shape": (66, 90, 3)}, "every 4 needs images of at least 67×67 .* received 66×90"),
        ({"num_classes": 1}, "num_classes must be at least 2; received 1"),
        ({"filters": (96, 255, 384, 384, 256), "towers": 2}, "five multiples of towers; received"),
        ({"filters": (96, 256)}, r"five multiples of towers; received \(96, 256\)"),
    ],
)
def test_what_cannot_be_is_refused(arguments: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        alexnet.build(**{"image_shape": (67, 67, 3), "num_classes": 2, **arguments})
