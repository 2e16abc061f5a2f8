"""The bottleneck block normalizes behind or before, and its shortcut is as plain as can be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.training.layer_checks import check_layer
from training.layers.bottleneck_block import BottleneckBlock

RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize("preactivation", [False, True])
@pytest.mark.parametrize(("channels", "strides"), [(8, 1), (8, 2), (3, 2)])
def test_it_is_a_layer(channels: int, strides: int, preactivation: bool) -> None:
    images = RANDOM.normal(size=(2, 4, 5, channels)).astype(np.float32)
    check_layer(lambda: BottleneckBlock(2, strides=strides, preactivation=preactivation), images)


@pytest.mark.parametrize("preactivation", [False, True])
@pytest.mark.parametrize("strides", [1, 2])
def test_without_its_branch_a_block_is_its_shortcut(strides: int, preactivation: bool) -> None:
    images = RANDOM.normal(size=(2, 4, 4, 8)).astype(np.float32)
    block = BottleneckBlock(2, strides=strides, preactivation=preactivation)
    block(images)
    for weight in block.conv_3.weights:
        weight.assign(np.zeros(weight.shape))
    kept = images[:, ::strides, ::strides]
    expected = kept if preactivation else np.maximum(kept, 0)
    np.testing.assert_allclose(block(images), expected, atol=1e-6)


@pytest.mark.parametrize(("preactivation", "norms"), [(False, (2, 2, 8, 8)), (True, (3, 2, 2))])
def test_it_normalizes_behind_or_before(preactivation: bool, norms: tuple[int, ...]) -> None:
    block = BottleneckBlock(2, preactivation=preactivation)
    block.build((None, 4, 4, 3))
    found = [weight.shape[0] for weight in block.weights if weight.name == "gamma"]
    assert tuple(found) == norms


@pytest.mark.parametrize("arguments", [{"filters": 0}, {"filters": 2, "strides": 0}])
def test_what_cannot_be_is_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="filters and strides must be at least 1; received"):
        BottleneckBlock(**arguments)
