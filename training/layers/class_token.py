"""The class token: one learned token before all others, whose last state is the whole's."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="lutrin")
class ClassToken(keras.Layer):
    """Puts one learned token before the tokens of every sequence.

        [token; x_1; …; x_T]

    Devlin et al., 2019 (arXiv:1810.04805), §3; Dosovitskiy et al., 2021 (arXiv:2010.11929), §3.1,
    x_class of eq. 1. It starts as zeros, as in the latter's code.

    Takes floats (B, T, D) and gives (B, 1 + T, D).
    """

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the token.

        Raises:
            ValueError: the input is not (B, T, D).
        """
        if len(input_shape) != 3 or input_shape[-1] is None:
            raise ValueError(
                f"ClassToken takes (B, T, D) with D known; received the shape {input_shape}"
            )
        self.token = self.add_weight(
            shape=(1, 1, input_shape[-1]), initializer="zeros", name="token"
        )

    def call(self, inputs: Any) -> Any:
        """(B, T, D) → (B, 1 + T, D)."""
        first = ops.broadcast_to(self.token, (ops.shape(inputs)[0], 1, inputs.shape[-1]))
        return ops.concatenate([ops.cast(first, inputs.dtype), inputs], axis=1)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """(B, 1 + T, D)."""
        batch, tokens, width = input_shape
        return batch, None if tokens is None else tokens + 1, width
