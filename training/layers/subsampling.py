"""Trained subsampling: sums of small windows, with a scale and a bias for each map."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="lutrin")
class Subsampling(keras.Layer):
    """Adds the pixels of each window of a map, then applies that map's scale and bias.

        y_c = scale_c · Σ_window x_c + bias_c

    LeCun, Bottou, Bengio and Haffner, 1998, "Gradient-Based Learning Applied to Document
    Recognition", Proc. IEEE 86(11), §II.B, layers S2 and S4; the squashing that follows there is
    `ScaledTanh`. Windows do not overlap; rows and columns that fill no window are left out. The
    scale starts at 1/size², which makes the sum a mean.

    Args:
        size: height and width of a window, and the distance between windows, pixels.

    Takes floats (B, H, W, C) and gives (B, ⌊H/size⌋, ⌊W/size⌋, C).
    """

    def __init__(self, size: int = 2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if size < 1:
            raise ValueError(f"size must be at least 1; received {size}")
        self.size = size

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make two numbers a map.

        Raises:
            ValueError: the input is not (B, H, W, C).
        """
        if len(input_shape) != 4:
            raise ValueError(f"Subsampling takes (B, H, W, C); received the shape {input_shape}")
        mean = keras.initializers.Constant(1 / self.size**2)
        self.scale = self.add_weight(shape=(input_shape[-1],), initializer=mean, name="scale")
        self.bias = self.add_weight(shape=(input_shape[-1],), initializer="zeros", name="bias")

    def call(self, inputs: Any) -> Any:
        """(B, H, W, C) → (B, ⌊H/size⌋, ⌊W/size⌋, C)."""
        mean = ops.average_pool(inputs, self.size, data_format="channels_last")
        return mean * (self.scale * self.size**2) + self.bias

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """(B, ⌊H/size⌋, ⌊W/size⌋, C)."""
        batch, height, width, channels = input_shape
        return batch, height and height // self.size, width and width // self.size, channels

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {**super().get_config(), "size": self.size}
