"""One layer of a Transformer's decoder: look back, look at the source, think for each position."""

from __future__ import annotations

from typing import Any

import keras

from training.layers.dropout import Dropout
from training.layers.feed_forward import FeedForward
from training.layers.layer_normalization import LayerNormalization
from training.layers.multi_head_attention import MultiHeadAttention
from training.layers.transformer_encoder_block import Norm

Shape = tuple[int | None, ...]


@keras.saving.register_keras_serializable(package="lutrin")
class TransformerDecoderBlock(keras.Layer):
    """Causal self-attention, attention to the encoder's output, and a position-wise network.

    Vaswani et al., 2017 (arXiv:1706.03762), §3.1 and fig. 1. Each of the three has a residual and a
    normalization, in the order that `norm` says, as in `TransformerEncoderBlock`. No position sees
    a later one, so that all are trained at once on the right beginning (teacher forcing).

    Args:
        num_heads: N, of both attentions.
        mlp_dim: the width within the position-wise network; 4·D in the paper.
        dropout_rate: share dropped of each sub-layer's output while training (§5.4: 0.1), 0–1.
        activation: of the position-wise network, by its Keras name; `relu` in the paper.
        norm: `post` as in the paper, or `pre`, with which whoever stacks such blocks normalizes
            behind the last.
        epsilon: of the three normalizations.
        attention_dropout_rate: share dropped of the attentions' scores; 0 in the paper.
        attention_bias: whether the projections of the attention have biases; none in the paper.
        kernel_initializer: of all matrices.

    Call arguments:
        inputs: float (B, T, D).
        memory: float (B, S, E), the encoder's output.
        inputs_mask: bool (B, T), False at padding; Keras fills it in where `inputs` carry one.
        memory_mask: bool (B, S), False at padding; Keras fills it in where `memory` carries one.
        return_attention_scores: return the scores of the attention to `memory` as well.

    Returns:
        float (B, T, D); with `return_attention_scores` also the scores, float (B, N, T, S).

    Raises:
        ValueError: an argument is out of range, or D does not divide into N heads.
    """

    def __init__(
        self,
        num_heads: int,
        mlp_dim: int,
        *,
        dropout_rate: float = 0.0,
        activation: str = "relu",
        norm: Norm = "post",
        epsilon: float = 1e-6,
        attention_dropout_rate: float = 0.0,
        attention_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if norm not in {"pre", "post"}:
            raise ValueError(f"norm must be 'pre' or 'post'; received {norm!r}")
        self.num_heads = num_heads
        self.mlp_dim = mlp_dim
        self.dropout_rate = dropout_rate
        self.activation = activation
        self.norm = norm
        self.epsilon = epsilon
        self.attention_dropout_rate = attention_dropout_rate
        self.attention_bias = attention_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.supports_masking = True

        self.self_attention = self._attention("self_attention")
        self.self_attention_norm = self._normalization("self_attention_norm")
        self.cross_attention = self._attention("cross_attention")
        self.cross_attention_norm = self._normalization("cross_attention_norm")
        self.feed_forward = FeedForward(
            mlp_dim,
            activation,
            kernel_initializer=self.kernel_initializer,
            dtype=self.dtype_policy,
            name="feed_forward",
        )
        self.feed_forward_norm = self._normalization("feed_forward_norm")
        self.dropout = Dropout(dropout_rate, dtype=self.dtype_policy, name="dropout")

    def _attention(self, name: str) -> MultiHeadAttention:
        return MultiHeadAttention(
            self.num_heads,
            dropout_rate=self.attention_dropout_rate,
            use_bias=self.attention_bias,
            kernel_initializer=self.kernel_initializer,
            dtype=self.dtype_policy,
            name=name,
        )

    def _normalization(self, name: str) -> LayerNormalization:
        return LayerNormalization(self.epsilon, dtype=self.dtype_policy, name=name)

    def build(self, inputs_shape: Shape, memory_shape: Shape) -> None:
        """Make the weights, for inputs of width D and a memory of width E."""
        self.self_attention.build(inputs_shape, inputs_shape)
        self.self_attention_norm.build(inputs_shape)
        self.cross_attention.build(inputs_shape, memory_shape)
        self.cross_attention_norm.build(inputs_shape)
        self.feed_forward.build(inputs_shape)
        self.feed_forward_norm.build(inputs_shape)

    def call(
        self,
        inputs: Any,
        memory: Any,
        *,
        inputs_mask: Any = None,
        memory_mask: Any = None,
        return_attention_scores: bool = False,
        training: bool | None = None,
    ) -> Any:
        """Look back, look at the memory, transform every position."""
        before = self.norm == "pre"
        x = self.self_attention_norm(inputs) if before else inputs
        x = self.self_attention(
            x, x, value_mask=inputs_mask, use_causal_mask=True, training=training
        )
        x = inputs + self.dropout(x, training=training)  # (B, T, D)
        x = x if before else self.self_attention_norm(x)

        y = self.cross_attention_norm(x) if before else x
        y, scores = self.cross_attention(
            y, memory, value_mask=memory_mask, return_attention_scores=True, training=training
        )
        y = x + self.dropout(y, training=training)  # (B, T, D)
        y = y if before else self.cross_attention_norm(y)

        z = self.feed_forward_norm(y) if before else y
        z = y + self.dropout(self.feed_forward(z, training=training), training=training)
        z = z if before else self.feed_forward_norm(z)  # (B, T, D)
        return (z, scores) if return_attention_scores else z

    def compute_output_shape(self, inputs_shape: Shape, memory_shape: Shape) -> Shape:
        """That of the inputs."""
        return inputs_shape

    def compute_output_spec(
        self, inputs: Any, memory: Any, *, return_attention_scores: bool = False, **_: Any
    ) -> Any:
        """That of the inputs and, where asked for, of the scores."""
        outputs = keras.KerasTensor(inputs.shape, dtype=self.compute_dtype)
        if not return_attention_scores:
            return outputs
        size = (inputs.shape[0], self.num_heads, inputs.shape[1], memory.shape[1])
        return outputs, keras.KerasTensor(size, dtype=self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "mlp_dim": self.mlp_dim,
            "dropout_rate": self.dropout_rate,
            "activation": self.activation,
            "norm": self.norm,
            "epsilon": self.epsilon,
            "attention_dropout_rate": self.attention_dropout_rate,
            "attention_bias": self.attention_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }
