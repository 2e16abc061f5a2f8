"""Prototypes stand behind a batch's vectors, at length 1."""

from __future__ import annotations

import numpy as np
import pytest

from tests.training.layer_checks import check_layer
from training.layers.prototypes import Prototypes

VECTORS = np.eye(2, 6, dtype=np.float32)


def test_it_is_a_layer_as_all() -> None:
    check_layer(lambda: Prototypes(3), VECTORS)


def test_the_rows_come_first_and_the_prototypes_are_of_length_1() -> None:
    layer = Prototypes(5)
    rows = np.asarray(layer(VECTORS))
    assert rows.shape == (7, 6)
    np.testing.assert_array_equal(rows[:2], VECTORS)
    layer.vectors.assign(3 * np.asarray(layer.vectors))
    np.testing.assert_allclose(np.linalg.norm(layer(VECTORS), axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(layer(VECTORS), rows, atol=1e-6)


def test_there_is_at_least_one() -> None:
    with pytest.raises(ValueError, match="at least 1; received 0"):
        Prototypes(0)
