"""A convolution layer: each output sees a window of its input, all windows by the same weights."""

from __future__ import annotations

from typing import Any

import keras

from training.layers._convolution import Padding, Pair, check_padding, convolve, output_length, pair

Shape = tuple[int | None, ...]


@keras.saving.register_keras_serializable(package="lutrin")
class Conv2D(keras.layers.Layer):
    """y = φ(x ∗ K + b), ∗ the product of `training.layers._convolution`: windows times a matrix.

    What deep learning calls a convolution is a cross-correlation: the kernel is not turned.

    LeCun, Bottou, Bengio and Haffner, 1998, "Gradient-Based Learning Applied to Document
    Recognition", Proc. IEEE 86(11), §II.A. The kernel K begins as Glorot and Bengio's uniform
    distribution (2010, AISTATS, §4.2), of variance 2 / (h·w·C + h·w·F), and the bias b as zeros.

    Args:
        filters: F, the channels of the output.
        kernel_size: (h, w), or one number for both, pixels.
        strides: pixels between two windows.
        padding: `valid` for windows inside the image alone, `same` for one at every stride.
        dilation_rate: pixels between two pixels of a window; goes together with strides, which
            Keras' own layer refuses.
        activation: φ, by its Keras name or as a function; None for the identity.
        use_bias: False leaves b out.
        kernel_initializer, bias_initializer: how K and b begin, by name or as Keras objects.
        kernel_regularizer: a penalty on K that the training loss is added.
        kernel_constraint: what K is projected by after every step.
        kwargs: `name`, `dtype` and what else any Keras layer takes.

    Shapes: images (B, H, W, C); K (h, w, C, F); b (F,); outputs (B, H', W', F) in the compute
    dtype, H' = ⌊(H - (h - 1)·d - 1) / s⌋ + 1 under `valid` and ⌈H / s⌉ under `same`.

    Raises:
        ValueError: an argument is none of those that can be, or no window fits into the images.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int | Pair,
        strides: int | Pair = 1,
        padding: Padding = "valid",
        *,
        dilation_rate: int | Pair = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        kernel_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not isinstance(filters, int) or isinstance(filters, bool) or filters < 1:
            raise ValueError(f"filters must be an integer of at least 1; received {filters!r}")
        self.filters = filters
        self.kernel_size = pair(kernel_size, "kernel_size")
        self.strides = pair(strides, "strides")
        self.padding = check_padding(padding)
        self.dilation_rate = pair(dilation_rate, "dilation_rate")
        self.activation = keras.activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.kernel_constraint = keras.constraints.get(kernel_constraint)

    def build(self, input_shape: Shape) -> None:
        """Make K and b for images of this shape."""
        if len(input_shape) != 4 or input_shape[-1] is None:
            raise ValueError(
                "a convolution takes images (B, H, W, C) with known channels; received the shape "
                f"{tuple(input_shape)}"
            )
        self.kernel = self.add_weight(
            name="kernel",
            shape=(*self.kernel_size, input_shape[-1], self.filters),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias", shape=(self.filters,), initializer=self.bias_initializer
            )

    def call(self, images: Any) -> Any:
        """(B, H, W, C) → (B, H', W', F)."""
        outputs = convolve(
            images,
            keras.ops.convert_to_tensor(self.kernel),
            strides=self.strides,
            padding=self.padding,
            dilation_rate=self.dilation_rate,
        )
        if self.use_bias:
            outputs = outputs + self.bias
        return self.activation(outputs)

    def compute_output_shape(self, images_shape: Shape) -> Shape:
        """(B, H, W, C) → (B, H', W', F)."""
        batch, *lengths, _ = images_shape
        found = (
            output_length(length, size, stride, self.padding, dilation)
            for length, size, stride, dilation in zip(
                lengths, self.kernel_size, self.strides, self.dilation_rate, strict=True
            )
        )
        return (batch, *found, self.filters)

    def get_config(self) -> dict[str, Any]:
        """The arguments that make this layer again."""
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "dilation_rate": self.dilation_rate,
            "activation": keras.activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
            "kernel_constraint": keras.constraints.serialize(self.kernel_constraint),
        }
