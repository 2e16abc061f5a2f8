"""Losses of the course: Huber's, from basic operations and as a Keras loss."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


def huber(errors: Any, threshold: float = 1.0) -> Any:
    """Huber's loss of each error: ½e² where |e| ≤ threshold, else threshold·(|e| − ½·threshold).

    Huber, 1964, "Robust Estimation of a Location Parameter", Ann. Math. Statist. 35(1), §2. The
    lecture notes (exercise 1) take the threshold 1. The two pieces meet with the same value and
    slope, and the slope is never beyond ±threshold: an outlier pulls no harder than that.

    Args:
        errors: floats of any shape.
        threshold: where the parabola becomes a line, in the errors' unit, above 0.

    Returns:
        Floats of the errors' shape and dtype.
    """
    distances = ops.abs(errors)
    # one formula for both pieces, so that neither overflows where it is not meant
    bent = ops.minimum(distances, threshold)
    return 0.5 * bent * bent + threshold * (distances - bent)


@keras.saving.register_keras_serializable(package="lutrin")
class Huber(keras.losses.Loss):
    """The mean over the last axis of `huber(y_pred − y_true, threshold)`, sample by sample.

    Equal to `keras.losses.Huber(delta=threshold)`, which calls the threshold `delta`. (Some
    libraries' "smooth L1" is this divided by the threshold.)

    Args:
        threshold: where the parabola becomes a line, above 0.
        reduction, name, dtype: as of every Keras loss.

    Shapes: y_true and y_pred (B, …, D) alike; losses (B, …) before the reduction.

    Raises:
        ValueError: the threshold is not above 0, or the shapes differ: (B,) against (B, 1) would
            spread to (B, B) unnoticed.
    """

    def __init__(
        self,
        threshold: float = 1.0,
        *,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "huber",
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.threshold = checked_threshold(threshold)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """(B, …, D) against (B, …, D) → (B, …)."""
        check_same_shape(y_true, y_pred)
        return ops.mean(huber(y_pred - y_true, self.threshold), axis=-1)

    def get_config(self) -> dict[str, Any]:
        """The arguments that make this loss again."""
        return {**super().get_config(), "threshold": self.threshold, "dtype": self.dtype}


def checked_threshold(threshold: float) -> float:
    """The threshold, if it can be one.

    Raises:
        ValueError: it is not above 0.
    """
    if not threshold > 0:
        raise ValueError(f"threshold must be above 0; received {threshold!r}")
    return threshold


def check_same_shape(y_true: Any, y_pred: Any) -> None:
    """Refuse targets and predictions of different shapes, as far as these are known.

    Raises:
        ValueError: says both shapes.
    """
    true, predicted = tuple(y_true.shape), tuple(y_pred.shape)
    sizes = zip(true, predicted, strict=False)
    known = ((one, other) for one, other in sizes if one is not None and other is not None)
    if len(true) != len(predicted) or any(one != other for one, other in known):
        raise ValueError(
            f"y_true and y_pred must have the same shape; received {true} and {predicted}"
        )
