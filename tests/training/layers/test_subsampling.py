"""Subsampling adds windows, then scales and shifts each map by numbers that are learned."""

from __future__ import annotations

import numpy as np
import pytest

from tests.training.layer_checks import check_layer
from training.layers.subsampling import Subsampling


def test_it_is_a_layer() -> None:
    inputs = np.random.default_rng(0).normal(size=(2, 5, 6, 3)).astype(np.float32)
    check_layer(lambda: Subsampling(2), inputs)


def test_it_adds_then_scales_and_shifts_each_map() -> None:
    inputs = np.arange(2 * 4 * 4 * 2, dtype=np.float32).reshape(2, 4, 4, 2)
    layer = Subsampling(2)
    means = inputs.reshape(2, 2, 2, 2, 2, 2).mean(axis=(2, 4))
    np.testing.assert_allclose(layer(inputs), means, rtol=1e-6)  # as it begins
    layer.set_weights([np.array([2, -1]), np.array([0.5, 3])])
    np.testing.assert_allclose(layer(inputs), 4 * means * [2, -1] + [0.5, 3], rtol=1e-6)


def test_two_numbers_a_map() -> None:
    layer = Subsampling(2)
    layer.build((None, 28, 28, 6))
    assert layer.count_params() == 12


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="size must be at least 1; received 0"):
        Subsampling(0)
    with pytest.raises(ValueError, match=r"takes \(B, H, W, C\); received the shape \(None, 4\)"):
        Subsampling(2).build((None, 4))
