"""Batch normalization: each channel is centred and scaled by the batch's statistics."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="lutrin")
class BatchNormalization(keras.layers.Layer):
    """y = γ ⊗ (x − μ) / √(σ² + ε) + β, with μ and σ² of each channel.

    Ioffe and Szegedy, 2015 (arXiv:1502.03167), alg. 1 and 2.

    In training μ and σ² are the batch's, over all axes but the last, and the moving statistics
    follow them: moving ← momentum · moving + (1 − momentum) · batch. In inference, and wherever
    `trainable` is False, μ and σ² are the moving statistics, so that an answer does not depend on
    what else is in the batch.

    Not as in the paper: the variance kept for inference is the batch's own, without the factor
    m / (m − 1), and it is a moving average instead of a mean over batches at the end; so does
    Keras. Under several devices each normalises by its own share of the batch.

    Args:
        momentum: how much of the moving statistics stays at each step, 0–1.
        epsilon: ε, above 0.
        kwargs: `name`, `dtype` and what else any Keras layer takes.

    Shapes: inputs (B, …, C); γ, β and the moving mean and variance (C,), beginning as ones, zeros,
    zeros and ones; outputs as the inputs, in the compute dtype. The statistics are float32 also
    where that is bfloat16.

    Raises:
        ValueError: momentum is not in 0–1, ε is not above 0, or C is not known.
    """

    def __init__(self, momentum: float = 0.99, epsilon: float = 0.001, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not 0 <= momentum <= 1:
            raise ValueError(f"momentum must be in 0–1; received {momentum!r}")
        if not epsilon > 0:
            raise ValueError(f"epsilon must be above 0; received {epsilon!r}")
        self.momentum = momentum
        self.epsilon = epsilon
        self.supports_masking = True
        self.autocast = False  # what comes in float32 is normalised in float32

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make γ, β and the moving statistics for inputs of this shape."""
        channels = input_shape[-1]
        if channels is None:
            raise ValueError(
                "a batch normalization takes inputs (B, …, C) whose last axis has a known size; "
                f"received the shape {tuple(input_shape)}"
            )
        self.gamma = self._weight("gamma", channels, "ones")
        self.beta = self._weight("beta", channels, "zeros")
        self.moving_mean = self._weight("moving_mean", channels, "zeros", trainable=False)
        self.moving_variance = self._weight("moving_variance", channels, "ones", trainable=False)

    def _weight(self, name: str, channels: int, initializer: str, trainable: bool = True) -> Any:
        return self.add_weight(
            name=name,
            shape=(channels,),
            initializer=initializer,
            trainable=trainable,
            autocast=False,
            # what several devices saw of a batch becomes one moving statistic
            aggregation="mean",
        )

    def call(self, inputs: Any, training: bool = False) -> Any:
        """(B, …, C) → (B, …, C)."""
        x = ops.cast(inputs, keras.backend.result_type(inputs.dtype, "float32"))
        if training and self.trainable:
            mean, variance = ops.moments(x, axes=list(range(len(x.shape) - 1)))  # (C,)
            self._follow(self.moving_mean, mean)
            self._follow(self.moving_variance, variance)
        else:
            mean, variance = self.moving_mean, self.moving_variance
        scale = self.gamma * ops.rsqrt(variance + self.epsilon)
        return ops.cast((x - mean) * scale + self.beta, self.compute_dtype)

    def _follow(self, moving: Any, batch: Any) -> None:
        moving.assign(self.momentum * moving + (1 - self.momentum) * batch)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The inputs' shape."""
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        """The arguments that make this layer again."""
        return {**super().get_config(), "momentum": self.momentum, "epsilon": self.epsilon}
