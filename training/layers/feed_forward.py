"""The position-wise network of a Transformer's block."""

from __future__ import annotations

from typing import Any

import keras

from training.layers.dense import Dense
from training.layers.dropout import Dropout

Shape = tuple[int | None, ...]


@keras.saving.register_keras_serializable(package="lutrin")
class FeedForward(keras.Layer):
    """FFN(x) = W₂·f(W₁·x + b₁) + b₂, the same at every position.

    Vaswani et al., 2017 (arXiv:1706.03762), §3.3, eq. 2.

    Args:
        mlp_dim: the width of f's output; 4·D in the paper.
        activation: f, by its Keras name or a registered function; `relu` in the paper, `gelu` in
            BERT and ViT.
        dropout_rate: share dropped of f's output while training, 0–1; 0 in the paper, 0.1 in ViT.
        kernel_initializer: of W₁ and W₂.

    Shapes: inputs float (B, …, D); outputs the same.

    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(
        self,
        mlp_dim: int,
        activation: Any = "relu",
        *,
        dropout_rate: float = 0.0,
        kernel_initializer: Any = "glorot_uniform",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if mlp_dim < 1:
            raise ValueError(f"mlp_dim must be at least 1; received {mlp_dim}")
        self.mlp_dim = mlp_dim
        self.activation = keras.activations.get(activation)
        self.dropout_rate = dropout_rate
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.dropout = Dropout(dropout_rate, dtype=self.dtype_policy, name="dropout")
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        """Make both projections, for inputs of width D."""
        self.hidden = self._dense(self.mlp_dim, self.activation, "hidden")
        self.output_projection = self._dense(input_shape[-1], None, "output")
        self.hidden.build(input_shape)
        self.output_projection.build((*input_shape[:-1], self.mlp_dim))

    def _dense(self, units: int | None, activation: Any, name: str) -> keras.Layer:
        return Dense(
            units,  # type: ignore[arg-type] # refused there where it is None
            activation,
            kernel_initializer=self.kernel_initializer.clone(),  # one object: the same numbers
            dtype=self.dtype_policy,
            name=name,
        )

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Widen, bend, drop, narrow."""
        x = self.dropout(self.hidden(inputs), training=training)  # (B, …, mlp_dim)
        return self.output_projection(x)  # (B, …, D)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """That of the inputs."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {
            **super().get_config(),
            "mlp_dim": self.mlp_dim,
            "activation": keras.activations.serialize(self.activation),
            "dropout_rate": self.dropout_rate,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }
