"""Average pooling: the mean of each window."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from training.layers._convolution import Padding, Pair, check_padding, output_length, pair, windows

Shape = tuple[int | None, ...]


@keras.saving.register_keras_serializable(package="lutrin")
class AveragePooling2D(keras.layers.Layer):
    """y[i, j, c] = mean of x[y, x, c] over the window at (i·s, j·s).

    The subsampling of LeCun et al., 1998, §II.B, without its trained scale and bias.

    Args:
        pool_size: (h, w) of a window, or one number for both, pixels.
        strides: pixels between two windows; None for windows side by side.
        padding: `valid` for windows inside the image alone, `same` for one at every stride; the
            mean is of the pixels inside the image.
        kwargs: `name`, `dtype` and what else any Keras layer takes.

    Shapes: images (B, H, W, C); outputs (B, H', W', C).

    Raises:
        ValueError: an argument is none of those that can be, or no window fits into the images.
    """

    def __init__(
        self,
        pool_size: int | Pair = 2,
        strides: int | Pair | None = None,
        padding: Padding = "valid",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.pool_size = pair(pool_size, "pool_size")
        self.strides = self.pool_size if strides is None else pair(strides, "strides")
        self.padding = check_padding(padding)

    def call(self, images: Any) -> Any:
        """(B, H, W, C) → (B, H', W', C)."""
        means = ops.mean(self._windows(images), axis=-2)  # (B, H', W', h·w, C) → (B, H', W', C)
        if self.padding == "valid":
            return means
        inside = ops.ones_like(images[:1, :, :, :1])
        return means / ops.mean(self._windows(inside), axis=-2)  # by the share that is image

    def _windows(self, images: Any) -> Any:
        return windows(images, self.pool_size, self.strides, self.padding)

    def compute_output_shape(self, images_shape: Shape) -> Shape:
        """(B, H, W, C) → (B, H', W', C)."""
        batch, *lengths, channels = images_shape
        found = (
            output_length(length, size, stride, self.padding)
            for length, size, stride in zip(lengths, self.pool_size, self.strides, strict=True)
        )
        return (batch, *found, channels)

    def get_config(self) -> dict[str, Any]:
        """The arguments that make this layer again."""
        return {
            **super().get_config(),
            "pool_size": self.pool_size,
            "strides": self.strides,
            "padding": self.padding,
        }
