"""Scaled similarity: how well every image goes with every text, by a learned temperature."""

from __future__ import annotations

import math
from typing import Any, Final

import keras
from keras import ops

MOST: Final = 100.0
"""The largest scale, as in the paper: beyond it training is unstable."""


@keras.saving.register_keras_serializable(package="lutrin")
class ScaledSimilarity(keras.Layer):
    """logits_ij = min(exp(s), 100) · u_i · v_j for vectors of length 1; s is learnt.

    Radford et al., 2021, "Learning Transferable Visual Models From Natural Language Supervision"
    (arXiv:2103.00020), §2.4 and fig. 3: the temperature τ = exp(−s) is learnt as its logarithm, so
    that no step makes it negative, and begins at 0.07 (as in Wu et al., 2018, arXiv:1805.01978).

    Args:
        temperature: τ at the beginning, from 0.01.

    Call arguments:
        left: float (B, D), rows of length 1.
        right: float (B', D), rows of length 1.

    Returns:
        float (B, B').

    Raises:
        ValueError: the temperature is below 0.01.
    """

    def __init__(self, temperature: float = 0.07, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not temperature >= 1 / MOST:
            raise ValueError(f"temperature must be at least {1 / MOST}; received {temperature!r}")
        self.temperature = temperature

    def build(self, left_shape: Any, right_shape: Any) -> None:
        """Make s; `alpha` is among the names that weight decay leaves alone."""
        del left_shape, right_shape
        self.log_scale = self.add_weight(
            name="alpha",
            shape=(),
            initializer=keras.initializers.Constant(-math.log(self.temperature)),
        )

    def call(self, left: Any, right: Any) -> Any:
        """(B, D) and (B', D) → (B, B')."""
        return self.scale * ops.matmul(left, ops.transpose(right))

    @property
    def scale(self) -> Any:
        """1 / τ as it stands, at most 100."""
        return ops.minimum(ops.exp(self.log_scale), MOST)

    def compute_output_shape(
        self, left_shape: tuple[int | None, ...], right_shape: tuple[int | None, ...]
    ) -> tuple[int | None, ...]:
        """(B, B')"""
        return left_shape[0], right_shape[0]

    def get_config(self) -> dict[str, Any]:
        """The arguments, to build the same layer anew."""
        return {**super().get_config(), "temperature": self.temperature}
