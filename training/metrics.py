"""Metrics of the course: Huber's, as a mean that streams over batches."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from training.losses import check_same_shape, checked_threshold, huber


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


def _per_sample(values: Any) -> Any:
    """(B, …) → (B,), by the mean."""
    return ops.mean(values, axis=list(range(1, len(values.shape))))
