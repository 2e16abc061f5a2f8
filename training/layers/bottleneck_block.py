"""The residual block of three convolutions, the middle one on fewer channels.

He, Zhang, Ren and Sun, 2016, "Deep Residual Learning for Image Recognition" (arXiv:1512.03385),
§4.1 and fig. 5 right; and their "Identity Mappings in Deep Residual Networks", 2016
(arXiv:1603.05027), fig. 4 (e).
"""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="lutrin")
class BottleneckBlock(layers.Layer):
    """Images (B, H, W, C) → (B, H/s, W/s, 4·filters), as H/s is rounded up.

    Convolutions of 1×1, 3×3 and 1×1 pixels, F, F and 4·F channels wide:

        y = relu(x + norm(conv₁(relu(norm(conv₃(relu(norm(conv₁(x)))))))))

    With `preactivation` normalization and rectifier come before each convolution, and nothing comes
    behind the sum (2016b, eq. 5):

        p = relu(norm(x));   y = x + conv₁(relu(norm(conv₃(relu(norm(conv₁(p)))))))

    Where the channels change, a 1×1 convolution of x, or of p, takes the place of x (option B);
    where only the size changes, every s-th pixel of x does. The step s is that of the first
    convolution, and with `preactivation` that of the second. Weights are in the order of Keras'
    `ResNet50` and `ResNet50V2`.

    Args:
        filters: F.
        strides: s.
        preactivation: normalize before, not behind, each convolution.
        use_bias: give a bias to the convolutions that a normalization follows, which takes it away
            again: Keras' published weights have them. The others always have one.
        epsilon: of the normalizations.
        **kwargs: of `keras.layers.Layer`.
    """

    def __init__(
        self,
        filters: int,
        *,
        strides: int = 1,
        preactivation: bool = False,
        use_bias: bool = False,
        epsilon: float = 1e-3,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if filters < 1 or strides < 1:
            raise ValueError(
                f"filters and strides must be at least 1; received {filters} and {strides}"
            )
        self.filters = filters
        self.strides = strides
        self.preactivation = preactivation
        self.use_bias = use_bias
        self.epsilon = epsilon

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the weights for images of `input_shape`, (B, H, W, C)."""
        channels, narrow, wide = input_shape[-1], self.filters, 4 * self.filters
        before, bias, strides = self.preactivation, self.use_bias, self.strides
        projects = channels != wide
        # in the order in which Keras' models have the weights, not in that of use
        if before:
            self.norm_0 = self._norm("norm_0", channels)
        self.conv_1 = self._conv(
            "conv_1", channels, narrow, 1, bias=bias, strides=1 if before else strides
        )
        self.norm_1 = self._norm("norm_1", narrow)
        self.conv_2 = self._conv(
            "conv_2", narrow, narrow, 3, bias=bias, strides=strides if before else 1
        )
        self.norm_2 = self._norm("norm_2", narrow)
        self.projection: keras.Layer | None = None
        if projects:
            self.projection = self._conv(
                "projection", channels, wide, 1, bias=bias or before, strides=strides
            )
        self.conv_3 = self._conv("conv_3", narrow, wide, 1, bias=bias or before)
        if projects and not before:
            self.projection_norm = self._norm("projection_norm", wide)
        if not before:
            self.norm_3 = self._norm("norm_3", wide)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Images (B, H, W, C) → (B, H/s, W/s, 4·filters)."""
        before = self.preactivation
        entry = ops.relu(self.norm_0(inputs, training=training)) if before else inputs
        x = ops.relu(self.norm_1(self.conv_1(entry), training=training))
        x = ops.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]])  # "same" would pad even sizes lopsidedly
        x = ops.relu(self.norm_2(self.conv_2(x), training=training))
        x = self.conv_3(x)
        if self.projection is None:
            short = inputs[:, :: self.strides, :: self.strides] if self.strides > 1 else inputs
        else:
            short = self.projection(entry)
        if before:
            return x + short
        if self.projection is not None:
            short = self.projection_norm(short, training=training)
        return ops.relu(self.norm_3(x, training=training) + short)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """(B, H, W, C) → (B, H/s, W/s, 4·filters), rounded up."""
        batch, height, width, _ = input_shape
        rows, columns = (side and -(-side // self.strides) for side in (height, width))
        return batch, rows, columns, 4 * self.filters

    def get_config(self) -> dict[str, Any]:
        """The arguments, to build the same block anew."""
        return {
            **super().get_config(),
            "filters": self.filters,
            "strides": self.strides,
            "preactivation": self.preactivation,
            "use_bias": self.use_bias,
            "epsilon": self.epsilon,
        }

    def _conv(
        self,
        name: str,
        channels: int | None,
        filters: int,
        size: int,
        *,
        bias: bool,
        strides: int = 1,
    ) -> keras.Layer:
        layer = layers.Conv2D(
            filters,
            size,
            strides=strides,
            use_bias=bias,
            kernel_initializer="he_normal",
            name=name,
            dtype=self.dtype_policy,
        )
        layer.build((None, None, None, channels))
        return layer

    def _norm(self, name: str, channels: int | None) -> keras.Layer:
        layer = layers.BatchNormalization(epsilon=self.epsilon, name=name, dtype=self.dtype_policy)
        layer.build((None, None, None, channels))
        return layer
