"""The scaled tangent maps ±1 to ±1."""

from __future__ import annotations

import numpy as np
import pytest

from tests.training.layer_checks import check_layer
from training.layers.scaled_tanh import ScaledTanh


def test_it_is_a_layer() -> None:
    inputs = np.random.default_rng(0).normal(size=(3, 5)).astype(np.float32)
    check_layer(lambda: ScaledTanh(1.5, 0.5), inputs)


def test_it_maps_one_to_one_and_saturates_at_the_amplitude() -> None:
    found = np.asarray(ScaledTanh()(np.array([-1, 0, 1, 100], np.float32)))
    np.testing.assert_allclose(found, [-1, 0, 1, 1.7159], atol=1e-5)


def test_what_lets_nothing_pass_is_refused() -> None:
    with pytest.raises(ValueError, match=r"must not be 0.*received amplitude=0, slope=1"):
        ScaledTanh(0, 1)
