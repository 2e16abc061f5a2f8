"""Losses of the course, from basic operations and as Keras losses: Huber's, and the contrastive."""

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


def contrast(positives: Any, logits: Any) -> Any:
    """How far each row's softmax is from its positives: −Σ_j p_ij · log softmax(logits_i)_j.

    p_ij shares a row's weight evenly among its positives: p_ij = positives_ij / Σ_k positives_ik.
    With several positives this is the mean outside of the logarithm, L_out of Khosla et al., 2020,
    "Supervised Contrastive Learning" (arXiv:2004.11362), eq. 2; with one it is InfoNCE.

    Args:
        positives: (B, B'), 1 where row and column belong together, else 0.
        logits: floats (B, B').

    Returns:
        (B,), nats; 0 for a row without positives, which has nothing to say.
    """
    positives = ops.cast(positives, logits.dtype)
    counts = ops.sum(positives, axis=-1, keepdims=True)
    shares = positives / ops.maximum(counts, 1.0)
    return -ops.sum(shares * ops.log_softmax(logits, axis=-1), axis=-1)


@keras.saving.register_keras_serializable(package="lutrin")
class Contrastive(keras.losses.Loss):
    """½ · (contrast over the rows + contrast over the columns): CLIP's, with several positives.

    Radford et al., 2021 (arXiv:2103.00020), fig. 3, in which each image of a batch has one text.
    Here y_true says which belong together, as in UniCL (Yang et al., 2022, arXiv:2204.03610, eq. 1
    to 3): two drawings of one thing are both right for its name, and none counts as wrong.

    A row's loss is its own and the columns' mean, so that any reduction by the mean is the formula
    above; columns without a positive are left out of theirs.

    Args:
        reduction, name, dtype: as of every Keras loss.

    Shapes: y_true (B, B'), 0 or 1; y_pred logits (B, B'); losses (B,) before the reduction.

    Raises:
        ValueError: the shapes differ.
    """

    def __init__(
        self,
        *,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "contrastive",
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype=dtype)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """(B, B') against (B, B') → (B,)."""
        check_same_shape(y_true, y_pred)
        columns = ops.cast(ops.transpose(y_true), y_pred.dtype)
        asked = ops.cast(ops.any(columns > 0, axis=-1), y_pred.dtype)  # (B',)
        across = ops.sum(contrast(columns, ops.transpose(y_pred)))
        across = across / ops.maximum(ops.sum(asked), 1.0)
        return 0.5 * (contrast(y_true, y_pred) + across)

    def get_config(self) -> dict[str, Any]:
        """The arguments that make this loss again."""
        return {**super().get_config(), "dtype": self.dtype}


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
