"""A shadow's answers: what counts as different, and by how much."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from service.repository.comparison import Comparison


def test_probabilities_differ_by_their_best_class() -> None:
    comparison = Comparison()
    ours = [np.array([0.9, 0.1], np.float32), np.array([0.6, 0.4], np.float32)]
    theirs = [np.array([0.8, 0.2], np.float32), np.array([0.4, 0.6], np.float32)]
    assert comparison.classified(ours, theirs, ("cat", "dog"), ("cat", "dog")) == 1
    assert (comparison.compared, comparison.different) == (2, 1)
    assert comparison.largest_difference == pytest.approx(0.2)


def test_classes_are_compared_by_name() -> None:
    comparison = Comparison()
    ours, theirs = [np.array([0.9, 0.1])], [np.array([0.0, 0.1, 0.9])]
    assert comparison.classified(ours, theirs, ("cat", "dog"), ("emu", "dog", "cat")) == 0
    assert comparison.largest_difference == 0, "of other classes no difference is known"


@pytest.mark.parametrize(
    ("ours", "theirs", "different"),
    [
        (np.zeros(2), np.full(2, 1e-5), 0),
        (np.zeros(2), np.full(2, 1e-3), 1),
        (np.array([np.nan, 1]), np.array([np.nan, 1]), 0),
        (np.array([np.nan, 1]), np.array([0.0, 1]), 1),
        (np.array([np.inf]), np.array([np.inf]), 0),
        (np.array([np.inf]), np.array([-np.inf]), 1),
        (np.zeros(2), np.zeros(3), 1),
        (np.zeros((0, 2)), np.zeros((0, 2)), 0),
        (np.array([True]), np.array([False]), 1),
        (np.array([b"a"], object), np.array([b"a"], object), 0),
        (np.array([b"a"], object), np.array([b"b"], object), 1),
        (np.array([b"a"], object), np.zeros(1), 1),
        (np.array([255], np.uint8), np.array([0], np.uint8), 1),
        (np.ones(1, ml_dtypes.bfloat16), np.ones(1, ml_dtypes.bfloat16), 0),
        (np.ones(1, ml_dtypes.bfloat16), np.zeros(1, ml_dtypes.bfloat16), 1),
    ],
)
def test_tensors_differ_by_more_than_the_tolerance(
    ours: np.ndarray, theirs: np.ndarray, different: int
) -> None:
    comparison = Comparison()
    assert comparison.inferred({"y": ours}, {"y": theirs}, 1e-4) == different
    assert (comparison.compared, comparison.different) == (1, different)
    assert np.isfinite(comparison.largest_difference)


def test_a_tensor_that_the_shadow_does_not_give_is_a_difference() -> None:
    comparison = Comparison()
    assert comparison.inferred({"y": np.zeros(1), "z": np.zeros(1)}, {"y": np.zeros(1)}, 1) == 1
    assert comparison.inferred({"y": np.full(1, 255, np.uint8)}, {"y": np.zeros(1, np.uint8)}, 1)
    assert comparison.largest_difference == 255
