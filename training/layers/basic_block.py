"""The residual block of two 3×3 convolutions.

He, Zhang, Ren and Sun, 2016, "Deep Residual Learning for Image Recognition" (arXiv:1512.03385),
§3.2 and fig. 5 left; and their "Identity Mappings in Deep Residual Networks", 2016
(arXiv:1603.05027), fig. 4 (e).
"""

from __future__ import annotations

from typing import Any, Literal, get_args

import keras
from keras import layers, ops

Shortcut = Literal["padding", "projection"]
"""How the input comes by the block's shape where the two differ (He et al., §3.3): option A,
every `strides`-th pixel with channels of zeros added, or option B, a 1×1 convolution."""


@keras.saving.register_keras_serializable(package="lutrin")
class BasicBlock(layers.Layer):
    """y = relu(x + norm(conv(relu(norm(conv(x)))))), images (B, H, W, C) → (B, H/s, W/s, filters).

    With `preactivation` normalization and rectifier come before each convolution, and nothing comes
    behind the sum (2016b, eq. 5): p = relu(norm(x)), y = x + conv(relu(norm(conv(p)))). A
    projection is then of p and is not normalized.

    Args:
        filters: channels of the output.
        strides: step of the first convolution, and so of the block.
        shortcut: how x comes by the shape of y where it has another.
        preactivation: normalize before, not behind, each convolution.
        epsilon: of the normalizations.
        **kwargs: of `keras.layers.Layer`.
    """

    def __init__(
        self,
        filters: int,
        *,
        strides: int = 1,
        shortcut: Shortcut = "padding",
        preactivation: bool = False,
        epsilon: float = 1e-3,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if filters < 1 or strides < 1:
            raise ValueError(
                f"filters and strides must be at least 1; received {filters} and {strides}"
            )
        if shortcut not in get_args(Shortcut):
            raise ValueError(f"shortcut must be one of {get_args(Shortcut)}; received {shortcut!r}")
        self.filters = filters
        self.strides = strides
        self.shortcut = shortcut
        self.preactivation = preactivation
        self.epsilon = epsilon
        self.conv_1 = self._conv(3, strides, "conv_1")
        self.norm_1 = self._norm("norm_1")
        self.conv_2 = self._conv(3, 1, "conv_2")
        self.norm_2 = self._norm("norm_2")
        self.projection: keras.Layer | None = None
        self.projection_norm: keras.Layer | None = None

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the weights for images of `input_shape`, (B, H, W, C).

        Raises:
            ValueError: the shortcut pads, and there are more channels than the block gives.
        """
        channels = int(input_shape[-1] or 0)
        if self.shortcut == "padding" and channels > self.filters:
            raise ValueError(
                f"a padding shortcut only adds channels; received {channels} for {self.filters} "
                "filters: take shortcut='projection'"
            )
        inner = (*self.conv_1.compute_output_shape(input_shape),)
        self.conv_1.build(input_shape)
        self.norm_1.build(input_shape if self.preactivation else inner)
        for layer in (self.conv_2, self.norm_2):
            layer.build(inner)
        if self.shortcut == "projection" and (channels != self.filters or self.strides > 1):
            self.projection = self._conv(1, self.strides, "projection")
            self.projection.build(input_shape)
            if not self.preactivation:
                self.projection_norm = self._norm("projection_norm")
                self.projection_norm.build(inner)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Images (B, H, W, C) → (B, H/s, W/s, filters)."""
        if self.preactivation:
            entry = ops.relu(self.norm_1(inputs, training=training))
            x = ops.relu(self.norm_2(self.conv_1(entry), training=training))
            short = entry if self.projection is not None else inputs
            return self.conv_2(x) + self._short(short, training)
        x = ops.relu(self.norm_1(self.conv_1(inputs), training=training))
        x = self.norm_2(self.conv_2(x), training=training)
        return ops.relu(x + self._short(inputs, training))

    def _short(self, inputs: Any, training: bool | None) -> Any:
        if self.projection is not None:
            short = self.projection(inputs)
            normalize = self.projection_norm
            return short if normalize is None else normalize(short, training=training)
        if self.strides > 1:
            inputs = inputs[:, :: self.strides, :: self.strides]
        missing = self.filters - inputs.shape[-1]
        if missing:
            before = missing // 2
            inputs = ops.pad(inputs, [[0, 0], [0, 0], [0, 0], [before, missing - before]])
        return inputs

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """(B, H, W, C) → (B, H/s, W/s, filters), rounded up."""
        shape: tuple[int | None, ...] = self.conv_1.compute_output_shape(input_shape)
        return shape

    def get_config(self) -> dict[str, Any]:
        """The arguments, to build the same block anew."""
        return {
            **super().get_config(),
            "filters": self.filters,
            "strides": self.strides,
            "shortcut": self.shortcut,
            "preactivation": self.preactivation,
            "epsilon": self.epsilon,
        }

    def _conv(self, size: int, strides: int, name: str) -> keras.Layer:
        """Without a bias, which a normalization behind it would take away."""
        return layers.Conv2D(
            self.filters,
            size,
            strides=strides,
            padding="same",
            use_bias=False,
            kernel_initializer="he_normal",
            name=name,
            dtype=self.dtype_policy,
        )

    def _norm(self, name: str) -> keras.Layer:
        return layers.BatchNormalization(epsilon=self.epsilon, name=name, dtype=self.dtype_policy)
