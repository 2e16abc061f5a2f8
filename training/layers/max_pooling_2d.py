"""Max pooling: the largest value of each window, and where it stood."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from training.layers._convolution import Padding, Pair, check_padding, output_length, pair, windows

Shape = tuple[int | None, ...]


@keras.saving.register_keras_serializable(package="lutrin")
class MaxPooling2D(keras.layers.Layer):
    """y[i, j, c] = max of x[y, x, c] over the window at (i·s, j·s), and on request which it was.

    The positions are the "switches" of Zeiler and Fergus, 2014 (arXiv:1311.2901), §2.1: what
    `MaxUnpooling2D` needs to put values back where they came from.

    Of equal values the first of a window, row by row, gives the position; the gradient is shared
    evenly among them, where TensorFlow's own pooling gives all of it to the first.

    Args:
        pool_size: (h, w) of a window, or one number for both, pixels.
        strides: pixels between two windows; None for windows side by side.
        padding: `valid` for windows inside the image alone, `same` for one at every stride; what is
            outside is never the largest.
        return_positions: whether to return the positions too.
        kwargs: `name`, `dtype` and what else any Keras layer takes.

    Shapes: images (B, H, W, C); values (B, H', W', C); positions int32 (B, H', W', C), row · w +
    column of the largest value in its window, 0 – h·w - 1.

    Raises:
        ValueError: an argument is none of those that can be, or no window fits into the images.
    """

    def __init__(
        self,
        pool_size: int | Pair = 2,
        strides: int | Pair | None = None,
        padding: Padding = "valid",
        *,
        return_positions: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.pool_size = pair(pool_size, "pool_size")
        self.strides = self.pool_size if strides is None else pair(strides, "strides")
        self.padding = check_padding(padding)
        self.return_positions = return_positions

    def call(self, images: Any) -> Any:
        """(B, H, W, C) → values (B, H', W', C), or (values, positions)."""
        lowest = float("-inf")
        found = windows(images, self.pool_size, self.strides, self.padding, fill=lowest)
        values = ops.max(found, axis=-2)  # (B, H', W', h·w, C) → (B, H', W', C)
        if not self.return_positions:
            return values
        largest = ops.equal(found, ops.expand_dims(values, -2))
        # of integers: for floats Keras' argmax tells -0 from 0 by an operation OpenVINO lacks
        return values, ops.argmax(ops.cast(largest, "int32"), axis=-2)

    def compute_output_shape(self, images_shape: Shape) -> Any:
        """(B, H, W, C) → (B, H', W', C), twice with positions."""
        batch, *lengths, channels = images_shape
        found = (
            output_length(length, size, stride, self.padding)
            for length, size, stride in zip(lengths, self.pool_size, self.strides, strict=True)
        )
        shape = (batch, *found, channels)
        return (shape, shape) if self.return_positions else shape

    def compute_output_spec(self, images: Any) -> Any:
        """The outputs' shapes and dtypes; positions are integers whatever the values are."""
        shape = self.compute_output_shape(images.shape)
        if not self.return_positions:
            return keras.KerasTensor(shape, self.compute_dtype)
        values, positions = shape
        return keras.KerasTensor(values, self.compute_dtype), keras.KerasTensor(positions, "int32")

    def get_config(self) -> dict[str, Any]:
        """The arguments that make this layer again."""
        return {
            **super().get_config(),
            "pool_size": self.pool_size,
            "strides": self.strides,
            "padding": self.padding,
            "return_positions": self.return_positions,
        }
