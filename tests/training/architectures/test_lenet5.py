"""LeNet-5 has the parameters of its two forms and takes images of any shape."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.training.architecture_checks import check_classifier, check_mixed_precision
from training.architectures import lenet5


def test_at_28x28x1_it_has_61_706_parameters() -> None:
    model = lenet5.build(**lenet5.VARIANTS["modern"])
    assert model.count_params() == 61_706
    assert model.get_layer("c3").output.shape == (None, 10, 10, 16)
    assert model.get_layer("s4").output.shape == (None, 5, 5, 16)


def test_the_original_has_the_papers_60_000_parameters() -> None:
    model = lenet5.build(**lenet5.VARIANTS["1998"])
    counts = {layer.name: layer.count_params() for layer in model.layers if layer.weights}
    assert counts.pop("logits") == 10 * 84  # fixed
    assert counts == {"c1": 156, "s2": 12, "c3": 1_516, "s4": 32, "c5": 48_120, "f6": 10_164}
    assert sum(np.prod(weight.shape) for weight in model.trainable_weights) == 60_000
    assert model.get_layer("c3").output.shape == (None, 10, 10, 16)


def test_the_originals_patterns_are_ten_bitmaps_that_differ() -> None:
    patterns = np.asarray(lenet5.build((28, 28, 1), 10, original=True).get_layer("logits").kernel)
    assert set(np.unique(patterns)) == {-1, 1}
    one = np.where(patterns[1].reshape(12, 7) > 0, "#", ".")
    assert ["".join(row) for row in one][:4] == ["...#...", "..##...", ".#.#...", "...#..."]
    apart = np.sum(patterns[:, None] != patterns, axis=-1) + 99 * np.eye(10)
    assert apart.min() >= 4  # pixels


@pytest.mark.parametrize("shape", [(12, 12, 1), (32, 32, 3), (17, 40, 3)])
@pytest.mark.parametrize(
    "arguments", [{"activation": "tanh", "dropout_rate": 0.2}, {"original": True}]
)
def test_any_image_shape_and_class_count(
    shape: tuple[int, int, int], arguments: dict[str, Any]
) -> None:
    check_classifier(lenet5.build(shape, 3, **arguments))


@pytest.mark.parametrize("original", [False, True])
def test_logits_stay_exact_in_mixed_precision(original: bool) -> None:
    check_mixed_precision(lambda: lenet5.build((12, 12, 1), 10, original=original))


def test_too_small_an_image_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 12×12 pixels; received 8×28"):
        lenet5.build((8, 28, 1), 10)


def test_the_original_is_as_it_was() -> None:
    with pytest.raises(ValueError, match=r"received activation='relu', dropout_rate=0\.5: leave"):
        lenet5.build((28, 28, 1), 10, original=True, dropout_rate=0.5)
