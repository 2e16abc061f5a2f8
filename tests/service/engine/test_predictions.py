"""Probabilities to named classes."""

from __future__ import annotations

import numpy as np
import pytest

from service.engine.predictions import top


def test_the_best_come_first_and_ties_in_the_order_of_the_labels() -> None:
    probabilities = np.array([0.1, 0.35, 0.1, 0.35, 0.1], np.float32)
    best = top(probabilities, ["a", "b", "c", "d", "e"], 4)
    assert [(each.label, each.index) for each in best] == [("b", 1), ("d", 3), ("a", 0), ("c", 2)]
    assert [each.score for each in best] == pytest.approx([0.35, 0.35, 0.1, 0.1])
    assert len(top(probabilities, ["a", "b", "c", "d", "e"], 99)) == 5
