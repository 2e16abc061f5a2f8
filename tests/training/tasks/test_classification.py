"""Classification measures what it says."""

from __future__ import annotations

import numpy as np
import pytest

from training.tasks.classification import measure


def test_measures_are_accuracy_and_cross_entropy() -> None:
    probabilities = np.array([[0.5, 0.5], [0.25, 0.75], [0.9, 0.1]], np.float32)
    metrics = measure(probabilities, np.array([0, 1, 1]))
    assert metrics["test_accuracy"] == pytest.approx(2 / 3, abs=1e-6)
    assert metrics["test_loss"] == pytest.approx(-np.log([0.5, 0.75, 0.1]).mean(), abs=1e-5)
