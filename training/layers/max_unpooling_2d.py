"""Max-unpooling: pooled values put back to where they were the largest, zeros elsewhere."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from training.layers._convolution import (
    Padding,
    Pair,
    check_padding,
    output_length,
    overlap_add,
    pair,
)

Shape = tuple[int | None, ...]


@keras.saving.register_keras_serializable(package="lutrin")
class MaxUnpooling2D(keras.layers.Layer):
    """x[y, x, c] = v[i, j, c] where p[i, j, c] says that (y, x) was the largest, 0 elsewhere.

    Zeiler and Fergus, 2014, "Visualizing and Understanding Convolutional Networks"
    (arXiv:1311.2901), §2.1; in a decoder: Noh, Hong and Han, 2015 (arXiv:1505.04366), §3.2.1.

    Pooling, unpooling and pooling again gives the pooled values where none is negative, for a
    maximum below 0 gives way to the zeros around it. Where windows overlap and share their
    largest pixel, that pixel gets the mean of what they say, which is its value when they agree.

    Args:
        pool_size, strides, padding: those of the `MaxPooling2D` that made the positions.
        output_size: (H, W) of the images that were pooled; None for H'·s under `same`, and under
            `valid` for the least that pools so, (H' - 1)·s + h.
        kwargs: `name`, `dtype` and what else any Keras layer takes.

    Shapes: values v (B, H', W', C) with known H' and W'; positions p, integers of the same shape,
    row · w + column in the window; outputs (B, H, W, C).

    Raises:
        ValueError: an argument is none of those that can be, or the sizes do not belong together.
    """

    def __init__(
        self,
        pool_size: int | Pair = 2,
        strides: int | Pair | None = None,
        padding: Padding = "valid",
        output_size: Pair | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.pool_size = pair(pool_size, "pool_size")
        self.strides = self.pool_size if strides is None else pair(strides, "strides")
        self.padding = check_padding(padding)
        self.output_size = None if output_size is None else pair(output_size, "output_size")

    def call(self, values: Any, positions: Any) -> Any:
        """Values and positions (B, H', W', C) → (B, H, W, C)."""
        size = self._size(values.shape)
        places = ops.arange(self.pool_size[0] * self.pool_size[1], dtype=positions.dtype)
        there = ops.equal(ops.expand_dims(positions, -2), ops.expand_dims(places, -1))
        there = ops.cast(there, values.dtype)  # (B, H', W', h·w, C), 1 where the value stood
        parts = there * ops.expand_dims(values, -2)
        images = overlap_add(parts, self.pool_size, self.strides, self.padding, size)
        if all(stride >= side for stride, side in zip(self.strides, self.pool_size, strict=True)):
            return images
        told = overlap_add(there, self.pool_size, self.strides, self.padding, size)
        return images / ops.maximum(told, 1)

    def _size(self, shape: Shape) -> Pair:
        """The rows and columns of the output, for values of this shape."""
        if len(shape) != 4 or shape[1] is None or shape[2] is None:
            raise ValueError(
                f"unpooling takes values (B, H, W, C) of known size; received the shape {shape}"
            )
        pooled = shape[1], shape[2]
        if self.output_size is None:
            rows, columns = (
                count * stride if self.padding == "same" else (count - 1) * stride + size
                for count, size, stride in zip(pooled, self.pool_size, self.strides, strict=True)
            )
            return rows, columns
        lengths = zip(self.output_size, self.pool_size, self.strides, strict=True)
        wanted = tuple(output_length(*each, self.padding) for each in lengths)
        if wanted != pooled:
            raise ValueError(
                f"images of output_size {self.output_size} pool to {wanted}; received values of "
                f"{pooled}"
            )
        return self.output_size

    def compute_output_shape(self, values_shape: Shape, positions_shape: Shape) -> Shape:
        """(B, H', W', C), twice → (B, H, W, C)."""
        if tuple(values_shape[1:]) != tuple(positions_shape[1:]):
            raise ValueError(
                f"each value has its position; received the shapes {tuple(values_shape)} and "
                f"{tuple(positions_shape)}"
            )
        return (values_shape[0], *self._size(values_shape), values_shape[-1])

    def get_config(self) -> dict[str, Any]:
        """The arguments that make this layer again."""
        return {
            **super().get_config(),
            "pool_size": self.pool_size,
            "strides": self.strides,
            "padding": self.padding,
            "output_size": self.output_size,
        }
