"""Metrics of the course: Huber's, streamed over batches, and how often retrieval succeeds."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from training.objectives.losses import check_same_shape, checked_threshold, huber


@keras.saving.register_keras_serializable(package="lutrin")
class HuberMetric(keras.metrics.Metric):
    """Σ w·huber(y_pred − y_true, threshold) / Σ w over all elements of all batches seen so far.

    However the samples are parted into batches, the result is that of one batch that holds them
    all, to rounding. The lecture notes' sketch (§2.4) adds the weights to the total instead of the
    losses, and counts every element as if its weight were 1.

    Before the first batch, and where all weights are 0, it is 0, as of `keras.metrics.Mean`.

    Args:
        threshold: where the parabola becomes a line, above 0.
        name, dtype: as of every Keras metric.

    Shapes: y_true and y_pred (B, …) alike, of the same shape in every batch but for B.

    Raises:
        ValueError: the threshold is not above 0.
    """

    def __init__(
        self, threshold: float = 1.0, *, name: str | None = "huber", dtype: Any = None
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        self.threshold = checked_threshold(threshold)
        self.total = self.add_variable(shape=(), initializer="zeros", name="total")
        self.count = self.add_variable(shape=(), initializer="zeros", name="count")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in one batch.

        Args:
            y_true: (B, …), what was wanted.
            y_pred: (B, …), what the model said.
            sample_weight: a weight for each sample (B,), or for each element of the first axes, or
                anything that broadcasts to these once axes of 1 are put behind; None for 1.

        Raises:
            ValueError: the shapes do not fit.
        """
        y_true = ops.convert_to_tensor(y_true, self.dtype)
        y_pred = ops.convert_to_tensor(y_pred, self.dtype)
        check_same_shape(y_true, y_pred)
        losses = huber(y_pred - y_true, self.threshold)  # (B, …)
        weights = self._weights(sample_weight, losses)  # (B, …)
        # per sample, not per element: float32 can count no further than 2²⁴ by ones
        self.total.assign_add(ops.sum(_per_sample(weights * losses)))
        self.count.assign_add(ops.sum(_per_sample(weights)))

    def _weights(self, sample_weight: Any, losses: Any) -> Any:
        if sample_weight is None:
            return ops.ones_like(losses)
        weights = ops.convert_to_tensor(sample_weight, self.dtype)
        missing = len(losses.shape) - len(weights.shape)
        if missing < 0:
            raise ValueError(
                "sample_weight must have no more axes than y_pred; "
                f"received {tuple(weights.shape)} for {tuple(losses.shape)}"
            )
        weights = ops.reshape(weights, (*ops.shape(weights), *(1,) * missing))
        return ops.broadcast_to(weights, ops.shape(losses))

    def result(self) -> Any:
        """The weighted mean so far, a scalar."""
        return ops.divide_no_nan(self.total, self.count)

    def reset_state(self) -> None:
        """Forget every batch."""
        self.total.assign(0.0)
        self.count.assign(0.0)

    def get_config(self) -> dict[str, Any]:
        """The arguments that make this metric again."""
        return {**super().get_config(), "threshold": self.threshold}


def ranks(scores: NDArray[np.floating[Any]], relevant: NDArray[np.bool_]) -> NDArray[np.int64]:
    """How many candidates stand before the best relevant one: (Q, C) and (Q, C) → (Q,).

    Of equal scores the irrelevant one is counted before, so a model that tells nothing apart finds
    nothing.

    Raises:
        ValueError: a query has no relevant candidate.
    """
    if not relevant.any(axis=1).all():
        raise ValueError("every query must have a relevant candidate; received one without")
    best = np.where(relevant, scores, -np.inf).max(axis=1, keepdims=True)
    before: NDArray[np.int64] = np.sum((scores >= best) & ~relevant, axis=1)
    return before


def recall(ranks: NDArray[np.int64], k: int) -> float:
    """R@k: the share of queries with a relevant candidate among the first k, 0–1."""
    return round(float(np.mean(ranks < k)), 6)


@keras.saving.register_keras_serializable(package="lutrin")
class RetrievalRecall(keras.metrics.Metric):
    """R@k within batches: the share of rows with a positive among their k greatest logits, 0–1.

    It is easier than retrieval among everything, and tells whether a run learns.

    Args:
        k: how many are looked at.
        name, dtype: as of every Keras metric; `recall_at_<k>` if not given.

    Shapes: y_true (B, B'), 0 or 1; y_pred logits (B, B'). Rows without a positive do not count.
    """

    def __init__(self, k: int = 1, *, name: str | None = None, dtype: Any = None) -> None:
        super().__init__(name=name or f"recall_at_{k}", dtype=dtype)
        self.k = k
        self.found = self.add_variable(shape=(), initializer="zeros", name="found")
        self.asked = self.add_variable(shape=(), initializer="zeros", name="asked")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in one batch; weights are not used."""
        del sample_weight
        check_same_shape(y_true, y_pred)
        positive = ops.cast(y_true, "bool")
        best = ops.max(ops.where(positive, y_pred, -np.inf), axis=-1, keepdims=True)
        before = ops.sum(ops.cast((y_pred >= best) & ~positive, "int32"), axis=-1)  # (B,)
        asked = ops.any(positive, axis=-1)
        found = asked & (before < self.k)
        self.found.assign_add(ops.sum(ops.cast(found, self.dtype)))
        self.asked.assign_add(ops.sum(ops.cast(asked, self.dtype)))

    def result(self) -> Any:
        """The share so far, a scalar; 0 before the first batch."""
        return ops.divide_no_nan(self.found, self.asked)

    def reset_state(self) -> None:
        """Forget every batch."""
        self.found.assign(0.0)
        self.asked.assign(0.0)

    def get_config(self) -> dict[str, Any]:
        """The arguments that make this metric again."""
        return {**super().get_config(), "k": self.k}


def _per_sample(values: Any) -> Any:
    """(B, …) → (B,), by the mean."""
    return ops.mean(values, axis=list(range(1, len(values.shape))))
