"""A radial basis output is the negative squared distance to each class' pattern."""

from __future__ import annotations

import numpy as np
import pytest

from tests.training.layer_checks import check_layer
from training.layers.radial_basis_output import RadialBasisOutput

CENTERS = [[1, -1, 1], [-1, -1, 1]]


def test_it_is_a_layer() -> None:
    inputs = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    check_layer(lambda: RadialBasisOutput(CENTERS), inputs)


def test_it_is_the_negative_squared_distance() -> None:
    found = RadialBasisOutput(CENTERS)(np.array([[1, -1, 1], [0, 0, 3]], np.float32))
    np.testing.assert_allclose(found, [[0, -4], [-6, -6]])


def test_no_training_changes_the_patterns() -> None:
    layer = RadialBasisOutput(CENTERS)
    layer.build((None, 3))
    assert not layer.trainable_weights
    np.testing.assert_array_equal(layer.non_trainable_weights[0], CENTERS)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match=r"rows of one length .* received rows of \[1, 2\]"):
        RadialBasisOutput([[1], [1, 2]])
    with pytest.raises(ValueError, match=r"rows of one length .* received rows of \[\]"):
        RadialBasisOutput([])
    with pytest.raises(ValueError, match=r"takes \(B, 3\).*received the shape \(None, 4\)"):
        RadialBasisOutput(CENTERS).build((None, 4))
