"""R@k counts what stands before the right one, and ties are no merit."""

from __future__ import annotations

import numpy as np
import pytest

from training.objectives.metrics import RetrievalRecall, ranks, recall

SCORES = np.array([[0.9, 0.5, 0.1], [0.2, 0.2, 0.2], [0.1, 0.2, 0.9], [0.3, 0.2, 0.1]], np.float32)
RELEVANT = np.array([[1, 0, 0], [0, 1, 0], [1, 0, 0], [1, 0, 1]], bool)


def test_ranks_and_recall_by_hand() -> None:
    found = ranks(SCORES, RELEVANT)
    assert found.tolist() == [0, 2, 2, 0]
    assert [recall(found, k) for k in (1, 2, 3)] == [0.5, 0.5, 1.0]
    with pytest.raises(ValueError, match="received one without"):
        ranks(SCORES, np.zeros_like(RELEVANT))


def test_the_metric_streams_the_same() -> None:
    metric = RetrievalRecall(1)
    assert metric.name == "recall_at_1"
    assert float(metric.result()) == 0
    metric.update_state(RELEVANT[:2].astype(np.float32), SCORES[:2])
    metric.update_state(RELEVANT[2:].astype(np.float32), SCORES[2:])
    metric.update_state(np.zeros((1, 3), np.float32), SCORES[:1])  # asks for nothing
    assert float(metric.result()) == pytest.approx(0.5)
    again = RetrievalRecall.from_config(RetrievalRecall(3).get_config())
    again.update_state(RELEVANT, SCORES)
    assert float(again.result()) == 1
    again.reset_state()
    assert float(again.result()) == 0
