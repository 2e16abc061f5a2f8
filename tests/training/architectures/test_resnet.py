"""Residual networks have the papers' parameters, take Keras' weights, and images of any shape."""

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
from training.architectures import resnet

TINY: dict[str, Any] = {"depths": (1, 2), "width": 2}


@pytest.mark.parametrize(
    ("variant", "count"),
    [
        # §4.2: 0.27, 0.46, 0.66 and 0.85 million; ours with the moving statistics
        ("20", 269_722 + 2 * 688),
        ("32", 464_154 + 2 * 1_136),
        ("44", 658_586 + 2 * 1_584),
        ("56", 853_018 + 2 * 2_032),
        # as torchvision counts resnet18 and resnet34, and the moving statistics
        ("18", 11_689_512 + 2 * 4_800),
        ("34", 21_797_672 + 2 * 8_512),
        # as keras.applications counts its models
        ("50", 25_636_712),
        ("50-v2", 25_613_800),
    ],
)
def test_parameters_at_the_papers_sizes(variant: str, count: int) -> None:
    assert parameters(resnet.build, resnet.VARIANTS[variant])[0] == count


@pytest.mark.parametrize("variant", ["18-v2", "34-v2"])
def test_the_second_version_differs_by_normalizations_alone(variant: str) -> None:
    first, _ = parameters(resnet.build, resnet.VARIANTS[variant.removesuffix("-v2")])
    second, model = parameters(resnet.build, resnet.VARIANTS[variant])
    # Three projections lose theirs, four numbers a channel; the last one comes to the end instead
    # of the stem's; a block's first sees its input: 64, 128, 256 channels where it had twice them.
    assert model.get_layer("last_norm").output.shape == (None, 7, 7, 512)
    stem_bias, projections, entries = 64, 4 * (128 + 256 + 512), 4 * (64 + 128 + 256)
    assert second == first + stem_bias - projections - entries + 4 * (512 - 64)


@pytest.mark.parametrize(
    ("variant", "count"),
    [("20-v2", 271_098), ("32-v2", 466_426), ("44-v2", 661_754), ("56-v2", 857_082)],
)
def test_parameters_of_the_second_version_at_32x32x3(variant: str, count: int) -> None:
    layers = int(variant.removesuffix("-v2"))
    blocks = (layers - 2) // 6  # of each stage
    stem, head = 9 * 3 * 16, 64 * 10 + 10
    # A block: 3×3 from c to f channels, 3×3 from f to f; normalizations of c and of f channels.
    pairs = [(16, 16), (16, 32), (32, 64)] + [(f, f) for f in (16, 32, 64)] * (blocks - 1)
    stages = sum(9 * c * f + 9 * f * f + 4 * c + 4 * f for c, f in pairs)
    found, model = parameters(resnet.build, resnet.VARIANTS[variant])
    assert found == count == stem + stages + 4 * 64 + head
    assert model.get_layer("last_norm").output.shape == (None, 8, 8, 64)


@pytest.mark.parametrize(
    ("variant", "count", "reference"),
    [
        ("101", 44_707_176, keras.applications.ResNet101),
        ("152", 60_419_944, keras.applications.ResNet152),
        ("101-v2", 44_675_560, keras.applications.ResNet101V2),
        ("152-v2", 60_380_648, keras.applications.ResNet152V2),
    ],
)
def test_deep_variants_have_the_weights_of_keras_applications_in_order(
    variant: str, count: int, reference: Any
) -> None:
    found, ours = parameters(resnet.build, resnet.VARIANTS[variant])
    _, theirs = parameters(reference, {"weights": None})
    assert found == count
    assert _kinds(ours) == _kinds(theirs)


def _kinds(model: keras.Model) -> list[tuple[str, tuple[int, ...]]]:
    return [(weight.name, tuple(weight.shape)) for weight in model.weights]


@pytest.mark.parametrize(
    ("variant", "reference", "scaled"),
    [
        ("50", keras.applications.ResNet50, keras.applications.resnet.preprocess_input),
        ("50-v2", keras.applications.ResNet50V2, keras.applications.resnet_v2.preprocess_input),
    ],
)
def test_the_weights_are_those_of_keras_applications(
    variant: str, reference: Any, scaled: Any
) -> None:
    shape = (33, 45, 3)  # odd, so that every rounding of a half is seen
    theirs = reference(weights=None, input_shape=shape, classes=10, classifier_activation=None)
    ours = resnet.build(**{**resnet.VARIANTS[variant], "image_shape": shape, "num_classes": 10})
    random = np.random.default_rng(0)
    weights = [_weight(random, weight) for weight in theirs.weights]
    theirs.set_weights(weights)
    ours.set_weights(weights)
    images = random.integers(0, 256, (2, *shape)).astype(np.float32)
    expected = np.asarray(theirs(scaled(images.copy())))
    error = np.abs(np.asarray(ours(images)) - expected).max() / np.abs(expected).max()
    assert error < 1e-5


def _weight(random: np.random.Generator, weight: Any) -> Any:
    if weight.name == "kernel":  # He's deviation, which keeps the size of the sums
        inputs = np.prod(weight.shape[:-1])
        return random.standard_normal(weight.shape, np.float32) * (2 / inputs) ** 0.5
    if weight.name in {"gamma", "moving_variance"}:
        return random.uniform(0.5, 1, weight.shape)
    return random.normal(scale=0.1, size=weight.shape)


@pytest.mark.parametrize("preactivation", [False, True])
@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"block": "bottleneck", "stem": "imagenet", "steps_last": True, "use_bias": True},
        {"shortcut": "projection", "scaling": "caffe"},
    ],
)
def test_any_image_shape_and_class_count(arguments: dict[str, Any], preactivation: bool) -> None:
    shape = (9, 14, 3 if arguments.get("scaling") else 1)
    check_classifier(resnet.build(shape, 3, **TINY, **arguments, preactivation=preactivation))


def test_logits_stay_exact_in_mixed_precision() -> None:
    check_mixed_precision(lambda: resnet.build((8, 8, 3), 3, **TINY))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"depths": ()}, r"at least 1 each; received \(\)"),
        ({"depths": (1, 0)}, r"at least 1 each; received \(1, 0\)"),
        ({"num_classes": 1}, "num_classes must be at least 2; received 1"),
        ({"block": "wide"}, "block must be one of .* received 'wide'"),
        ({"stem": "large"}, "stem must be one of .* received 'large'"),
        ({"scaling": "rgb"}, "scaling must be one of .* received 'rgb'"),
        ({"scaling": "caffe", "image_shape": (8, 8, 1)}, "takes 3 channels; received 1"),
    ],
)
def test_what_cannot_be_is_refused(arguments: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        resnet.build(**{"image_shape": (8, 8, 3), "num_classes": 2, **arguments})
