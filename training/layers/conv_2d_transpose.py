"""A transposed convolution layer: each input paints a window of the output."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from training.layers._convolution import Padding, Pair, check_padding, overlap_add, pair

Shape = tuple[int | None, ...]


@keras.saving.register_keras_serializable(package="lutrin")
class Conv2DTranspose(keras.layers.Layer):
    """y = φ(Kᵀx + b): the adjoint of a strided convolution, which makes images larger.

        (Kᵀx)[u, v, f] = Σ x[i, j, c] · K[m, n, f, c] over all i·s + m = u and j·s + n = v

    What a convolution reads as a window, this writes as one; where windows overlap they are added.
    So it undoes a convolution's shape, not its values. As a layer that learns to enlarge: Long,
    Shelhamer and Darrell, 2015, "Fully Convolutional Networks" (arXiv:1411.4038), §3.3.

    Args:
        filters: F, the channels of the output.
        kernel_size: (h, w), or one number for both, pixels.
        strides: by how much the image grows.
        padding: `same` for H·s rows; `valid` for all that is painted, (H - 1)·s + max(h, s).
        activation: φ, by its Keras name or as a function; None for the identity.
        use_bias: False leaves b out.
        kernel_initializer: how K begins, by name or as a Keras object; b begins as zeros.
        kernel_regularizer: a penalty on K that the training loss is added.
        kwargs: `name`, `dtype` and what else any Keras layer takes.

    Shapes: images (B, H, W, C) with known H and W; K (h, w, F, C), which is the kernel of the
    convolution from F to C channels; b (F,); outputs (B, H', W', F) in the compute dtype.

    Raises:
        ValueError: an argument is none of those that can be, or a size is unknown.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int | Pair,
        strides: int | Pair = 1,
        padding: Padding = "valid",
        *,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        kernel_regularizer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not isinstance(filters, int) or isinstance(filters, bool) or filters < 1:
            raise ValueError(f"filters must be an integer of at least 1; received {filters!r}")
        self.filters = filters
        self.kernel_size = pair(kernel_size, "kernel_size")
        self.strides = pair(strides, "strides")
        self.padding = check_padding(padding)
        self.activation = keras.activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)

    def build(self, input_shape: Shape) -> None:
        """Make K and b for images of this shape."""
        if len(input_shape) != 4 or None in input_shape[1:]:
            raise ValueError(
                "a transposed convolution takes images (B, H, W, C) of known size; received the "
                f"shape {tuple(input_shape)}"
            )
        self.kernel = self.add_weight(
            name="kernel",
            shape=(*self.kernel_size, self.filters, input_shape[-1]),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
        )
        if self.use_bias:
            self.bias = self.add_weight(name="bias", shape=(self.filters,), initializer="zeros")

    def call(self, images: Any) -> Any:
        """(B, H, W, C) → (B, H', W', F)."""
        height, width, channels = images.shape[1:]
        area = self.kernel_size[0] * self.kernel_size[1]
        matrix = ops.reshape(self.kernel, (-1, channels))  # (h·w·F, C)
        painted = ops.matmul(ops.reshape(images, (-1, channels)), ops.transpose(matrix))
        painted = ops.reshape(painted, (-1, height, width, area, self.filters))
        outputs = overlap_add(
            painted, self.kernel_size, self.strides, self.padding, self._size(height, width)
        )
        if self.use_bias:
            outputs = outputs + self.bias
        return self.activation(outputs)

    def _size(self, height: int, width: int) -> Pair:
        """The rows and columns of the output for those of the input."""
        (high, wide), (down, right) = self.kernel_size, self.strides
        if self.padding == "same":
            return height * down, width * right
        return height * down + max(high - down, 0), width * right + max(wide - right, 0)

    def compute_output_shape(self, images_shape: Shape) -> Shape:
        """(B, H, W, C) → (B, H', W', F)."""
        batch, height, width, _ = images_shape
        if height is None or width is None:
            raise ValueError(
                "a transposed convolution takes images (B, H, W, C) of known size; received the "
                f"shape {tuple(images_shape)}"
            )
        return (batch, *self._size(height, width), self.filters)

    def get_config(self) -> dict[str, Any]:
        """The arguments that make this layer again."""
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "activation": keras.activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
        }
