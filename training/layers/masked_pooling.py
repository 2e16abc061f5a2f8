"""Masked pooling: the vectors of a text's tokens become one."""

from __future__ import annotations

from typing import Any, Final, Literal, get_args

import keras
from keras import ops

Shape = tuple[int | None, ...]

Mode = Literal["mean", "max", "first"]
"""How: their mean, the largest of each dimension, or the first token's vector alone."""

MODES: Final[tuple[str, ...]] = get_args(Mode)


@keras.saving.register_keras_serializable(package="lutrin")
class MaskedPooling(keras.Layer):
    """One vector of a sequence, its padding left out.

        mean:  Σ_t m_t·x_t / max(1, Σ_t m_t)
        max:   max of x_t over m_t = 1
        first: x_1

    Reimers and Gurevych, 2019, "Sentence-BERT" (arXiv:1908.10084), §3, compare the three. They are
    computed in float32 whatever the precision of the rest: a mean of hundreds of tokens is a sum of
    as many.

    Args:
        mode: `mean`, `max` or `first`.

    Call arguments:
        inputs: float (B, T, D).
        mask: bool (B, T), False at padding; Keras fills it in where `inputs` carry a mask. None
            where all are tokens.

    Returns:
        float (B, D); zeros for the mean of a row without a token.

    Raises:
        ValueError: the mode is unknown.
    """

    def __init__(self, mode: Mode = "mean", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if mode not in MODES:
            raise ValueError(f"mode must be one of {', '.join(MODES)}; received {mode!r}")
        self.mode = mode
        self.supports_masking = True

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """(B, T, D) → (B, D)."""
        if self.mode == "first":
            return inputs[:, 0]
        x = ops.cast(inputs, "float32")
        kept = ops.ones_like(x[..., :1]) if mask is None else ops.cast(mask, "float32")[..., None]
        if self.mode == "max":
            pooled = ops.max(ops.where(kept > 0, x, -1e9), axis=1)
        else:
            pooled = ops.sum(x * kept, axis=1) / ops.maximum(ops.sum(kept, axis=1), 1.0)
        return ops.cast(pooled, self.compute_dtype)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> None:
        """None: no sequence is left."""
        return

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(B, D)"""
        return input_shape[0], input_shape[-1]

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().get_config(), "mode": self.mode}
