"""Logits are cosines by a temperature that is learnt and never falls below 0.01."""

from __future__ import annotations

import numpy as np
import pytest

from tests.training.layer_checks import check_layer
from training.layers.scaled_similarity import ScaledSimilarity

RANDOM = np.random.default_rng(0)
LEFT, RIGHT = RANDOM.normal(size=(3, 5)).astype(np.float32), np.eye(4, 5, dtype=np.float32)


def test_it_is_a_layer_as_all() -> None:
    check_layer(lambda: ScaledSimilarity(0.5), LEFT, RIGHT)


def test_it_divides_by_the_temperature() -> None:
    layer = ScaledSimilarity(0.05)
    np.testing.assert_allclose(layer(LEFT, RIGHT), LEFT @ RIGHT.T / 0.05, rtol=1e-5)
    layer.log_scale.assign(np.log(2.0))
    np.testing.assert_allclose(layer(LEFT, RIGHT), 2 * LEFT @ RIGHT.T, rtol=1e-5)


def test_the_scale_ends_at_100() -> None:
    layer = ScaledSimilarity(0.01)
    layer(LEFT, RIGHT)
    layer.log_scale.assign(30.0)
    assert float(layer.scale) == 100
    with pytest.raises(ValueError, match=r"at least 0\.01; received 0"):
        ScaledSimilarity(0)
