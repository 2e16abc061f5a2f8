"""The Vision Transformer has the papers' parameters and takes images of any shape."""

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
from training.architectures import vit

TINY: dict[str, Any] = {"hidden_dim": 8, "num_layers": 2, "num_heads": 2, "mlp_dim": 12}


@pytest.mark.parametrize(
    ("variant", "count"),
    [
        ("Ti/16", 5_717_416),
        ("Ti/32", 6_131_560),
        ("S/16", 22_050_664),
        ("S/32", 22_878_952),
        ("B/16", 86_567_656),
        ("B/32", 88_224_232),
        ("L/16", 304_326_632),
        ("L/32", 306_535_400),
    ],
)
def test_parameters_at_224x224x3_in_1000_classes(variant: str, count: int) -> None:
    found, model = parameters(vit.build, vit.VARIANTS[variant])
    assert found == count
    tokens = 197 if variant.endswith("16") else 50
    assert model.get_layer("norm").output.shape[1] == tokens


@pytest.mark.parametrize(("shape", "patch"), [((4, 4, 1), 4), ((6, 15, 3), 3)])
def test_any_image_shape_and_class_count(shape: tuple[int, int, int], patch: int) -> None:
    keras.utils.set_random_seed(1)  # one step lowers the loss of most weights, not of all
    model = vit.build(shape, 3, patch_size=patch, **TINY, dropout_rate=0.1)
    head = model.get_layer("logits")
    head.kernel.assign(np.random.default_rng(0).normal(size=head.kernel.shape))  # off 0
    check_classifier(model)


def test_it_starts_without_an_opinion() -> None:
    model = vit.build((8, 8, 1), 3, patch_size=4, **TINY)
    images = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 1)).astype(np.float32)
    np.testing.assert_array_equal(model(images), np.zeros((2, 3)))


def test_logits_stay_exact_in_mixed_precision() -> None:
    check_mixed_precision(lambda: vit.build((8, 8, 1), 3, patch_size=4, **TINY))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"image_shape": (28, 30, 1)}, "multiples of its patch_size 4; received .* 28, 30"),
        ({"patch_size": 32}, "multiples of its patch_size 32; received .* 28, 28"),
        ({"num_heads": 3}, "hidden_dim must be a multiple of num_heads; received 8 and 3"),
        ({"num_layers": 0}, "num_layers must be at least 1; received 0"),
        ({"num_classes": 1}, "num_classes must be at least 2; received 1"),
    ],
)
def test_what_cannot_be_is_refused(arguments: dict[str, Any], sentence: str) -> None:
    whole = {"image_shape": (28, 28, 1), "num_classes": 2, "patch_size": 4, **TINY, **arguments}
    with pytest.raises(ValueError, match=sentence):
        vit.build(**whole)
