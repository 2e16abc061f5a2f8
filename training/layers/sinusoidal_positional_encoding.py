"""Positional encoding by sines and cosines of many wavelengths."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

Shape = tuple[int | None, ...]


@keras.saving.register_keras_serializable(package="lutrin")
class SinusoidalPositionalEncoding(keras.Layer):
    """Adds to the vector at each position a pattern that no other position has.

    Vaswani et al., 2017 (arXiv:1706.03762), §3.5:

        PE(t, 2i) = sin(t / λ^(2i/D)),   PE(t, 2i+1) = cos(t / λ^(2i/D))

    The wavelengths run from 2π to 2π·λ; PE(t + k) is a rotation of PE(t), pair by pair, whatever t.
    There is nothing to train, and no longest sequence.

    Args:
        max_wavelength: λ; 10,000 in the paper.

    Shapes: inputs float (B, T, D); outputs the same.

    Raises:
        ValueError: λ is not above 1.
    """

    def __init__(self, max_wavelength: float = 10_000.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not max_wavelength > 1:
            raise ValueError(f"max_wavelength must be above 1; received {max_wavelength}")
        self.max_wavelength = max_wavelength
        self.supports_masking = True

    def call(self, inputs: Any) -> Any:
        """Add PE, computed in float32: in bfloat16 neighbouring positions beyond 256 are one."""
        length, width = ops.shape(inputs)[1], inputs.shape[-1]
        channels = ops.arange(width)
        exponents = ops.cast(channels - channels % 2, "float32") / width  # 2i/D, twice each
        rates = ops.power(self.max_wavelength, -exponents)  # (D,)
        angles = ops.cast(ops.arange(length), "float32")[:, None] * rates  # (T, D)
        encoding = ops.where(channels % 2 == 0, ops.sin(angles), ops.cos(angles))
        return inputs + ops.cast(encoding, inputs.dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """That of the inputs."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {**super().get_config(), "max_wavelength": self.max_wavelength}
