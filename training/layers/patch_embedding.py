"""Patch embedding: an image as a row of tokens."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="lutrin")
class PatchEmbedding(keras.Layer):
    """Cuts an image into square patches and projects each to a token.

        token_n = W · flatten(patch_n) + b

    Dosovitskiy et al., 2021 (arXiv:2010.11929), §3.1, E of eq. 1. Patches go row by row. The kernel
    is shaped (P, P, C, D), as that of the equal convolution of stride P is.

    Args:
        patch_size: P, height and width of a patch, pixels.
        hidden_dim: D, the width of a token.
        use_bias: False leaves b out, as CLIP does.

    Takes floats (B, H, W, C), H and W known and divisible by P, and gives (B, H/P · W/P, D).
    """

    def __init__(
        self, patch_size: int, hidden_dim: int, *, use_bias: bool = True, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        for name, value in (("patch_size", patch_size), ("hidden_dim", hidden_dim)):
            if value < 1:
                raise ValueError(f"{name} must be at least 1; received {value}")
        self.patch_size = patch_size
        self.hidden_dim = hidden_dim
        self.use_bias = use_bias

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the projection.

        Raises:
            ValueError: the image's sides are unknown or hold no whole number of patches.
        """
        size = self.patch_size
        if len(input_shape) != 4 or any(not side or side % size for side in input_shape[1:3]):
            raise ValueError(
                f"PatchEmbedding takes (B, H, W, C) with H and W multiples of its patch_size "
                f"{size}; received the shape {input_shape}"
            )
        self.kernel = self.add_weight(
            shape=(size, size, input_shape[-1], self.hidden_dim),
            # fan-in is the whole patch, as for a convolution
            initializer="glorot_uniform",
            name="kernel",
        )
        if self.use_bias:
            self.bias = self.add_weight(shape=(self.hidden_dim,), initializer="zeros", name="bias")

    def call(self, inputs: Any) -> Any:
        """(B, H, W, C) → (B, H/P · W/P, D)."""
        size = self.patch_size
        _, height, width, channels = inputs.shape
        rows, columns = height // size, width // size
        x = ops.reshape(inputs, (-1, rows, size, columns, size, channels))
        x = ops.transpose(x, (0, 1, 3, 2, 4, 5))  # (B, rows, columns, P, P, C)
        x = ops.reshape(x, (-1, rows * columns, size * size * channels))
        x = ops.matmul(x, ops.reshape(self.kernel, (-1, self.hidden_dim)))
        return x + self.bias if self.use_bias else x

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """(B, H/P · W/P, D)."""
        batch, height, width, _ = input_shape
        size = self.patch_size
        tokens = None if height is None or width is None else height // size * (width // size)
        return batch, tokens, self.hidden_dim

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {
            **super().get_config(),
            "patch_size": self.patch_size,
            "hidden_dim": self.hidden_dim,
            "use_bias": self.use_bias,
        }
