"""Local response normalization: strong maps damp their neighbours."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="lutrin")
class LocalResponseNormalization(keras.Layer):
    """Divides each map by the energy of the maps beside it, at the same place.

    Krizhevsky, Sutskever and Hinton, 2012, "ImageNet Classification with Deep Convolutional Neural
    Networks", §3.3; the defaults are the paper's:

        b_i = a_i / (k + α · Σ_j a_j²)^β,   j from i − ⌊n/2⌋ to i + ⌊n/2⌋, where there is such a map

    Args:
        depth_size: n, how many neighbouring maps count, odd.
        bias: k, above 0.
        alpha: α, at least 0.
        beta: β.

    Takes and gives floats (..., C).
    """

    def __init__(
        self,
        depth_size: int = 5,
        bias: float = 2.0,
        alpha: float = 1e-4,
        beta: float = 0.75,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if depth_size < 1 or depth_size % 2 == 0:
            raise ValueError(f"depth_size must be odd and at least 1; received {depth_size}")
        if bias <= 0:
            raise ValueError(f"bias must be above 0, or maps of zeros give NaN; received {bias}")
        if alpha < 0:
            raise ValueError(f"alpha must be at least 0; received {alpha}")
        self.depth_size = depth_size
        self.bias = bias
        self.alpha = alpha
        self.beta = beta

    def call(self, inputs: Any) -> Any:
        """Normalize (..., C)."""
        channels = inputs.shape[-1]
        reach = self.depth_size // 2
        edges = [(0, 0)] * (len(inputs.shape) - 1) + [(reach, reach)]
        squares = ops.pad(ops.square(inputs), edges)  # (..., reach + C + reach)
        # n shifted sums are fewer operations than a pooling over an axis that is not spatial
        energy = sum(squares[..., shift : shift + channels] for shift in range(self.depth_size))
        return inputs * ops.power(self.bias + self.alpha * energy, -self.beta)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The input's."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {
            **super().get_config(),
            "depth_size": self.depth_size,
            "bias": self.bias,
            "alpha": self.alpha,
            "beta": self.beta,
        }
