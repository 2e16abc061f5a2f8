"""One layer of a Transformer's encoder: self-attention, then a network for each position."""

from __future__ import annotations

from typing import Any, Literal

import keras

from training.layers.dropout import Dropout
from training.layers.feed_forward import FeedForward
from training.layers.layer_normalization import LayerNormalization
from training.layers.multi_head_attention import MultiHeadAttention

Shape = tuple[int | None, ...]

Norm = Literal["pre", "post"]


@keras.saving.register_keras_serializable(package="lutrin")
class TransformerEncoderBlock(keras.Layer):
    """Self-attention and a position-wise network, each with a residual and a normalization.

    Vaswani et al., 2017 (arXiv:1706.03762), §3.1 and fig. 1, normalize behind the sum (`post`):

        x ← LayerNorm(x + Dropout(Sublayer(x)))

    Xiong et al., 2020 (arXiv:2002.04745), fig. 1, and ViT normalize before the sub-layer (`pre`),
    which trains without a warm-up; the sum is then never normalized, so whoever stacks such blocks
    normalizes behind the last:

        x ← x + Dropout(Sublayer(LayerNorm(x)))

    The sub-layers are MultiHead(x, x, x) and `FeedForward`.

    Args:
        num_heads: N, of the attention.
        mlp_dim: the width within the MLP; 4·D in the paper.
        dropout_rate: share dropped of each sub-layer's output while training (§5.4: 0.1), 0–1.
        activation: f, by its Keras name or a registered function; `relu` in the paper, `gelu` in
            BERT and ViT.
        norm: `pre` or `post`.
        causal: let no position look at a later one, as GPT and CLIP's encoder of texts.
        epsilon: of both normalizations.
        attention_dropout_rate: share dropped of the attention's scores; 0 in the paper, 0.1 in
            BERT.
        mlp_dropout_rate: share dropped of f's output; 0 in the paper, 0.1 in ViT.
        attention_bias: whether the projections of the attention have biases; none in the paper.
        kernel_initializer: of all matrices.

    Call arguments:
        inputs: float (B, T, D).
        mask: bool (B, T), False at padding: nobody looks there. Keras fills it in where `inputs`
            carry a mask, as behind `TokenEmbedding`.
        return_attention_scores: return the scores as well.

    Returns:
        float (B, T, D); with `return_attention_scores` also the scores, float (B, N, T, T).

    Raises:
        ValueError: an argument is out of range, or D does not divide into N heads.
    """

    def __init__(
        self,
        num_heads: int,
        mlp_dim: int,
        *,
        dropout_rate: float = 0.0,
        activation: Any = "gelu",
        norm: Norm = "pre",
        causal: bool = False,
        epsilon: float = 1e-6,
        attention_dropout_rate: float = 0.0,
        mlp_dropout_rate: float = 0.0,
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
        self.causal = causal
        self.epsilon = epsilon
        self.attention_dropout_rate = attention_dropout_rate
        self.mlp_dropout_rate = mlp_dropout_rate
        self.attention_bias = attention_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.supports_masking = True

        options = {"dtype": self.dtype_policy}
        self.attention = MultiHeadAttention(
            num_heads,
            dropout_rate=attention_dropout_rate,
            use_bias=attention_bias,
            kernel_initializer=self.kernel_initializer,
            name="attention",
            **options,
        )
        self.attention_norm = LayerNormalization(epsilon=epsilon, name="attention_norm", **options)
        self.feed_forward = FeedForward(
            mlp_dim,
            activation,
            dropout_rate=mlp_dropout_rate,
            kernel_initializer=self.kernel_initializer,
            name="feed_forward",
            **options,
        )
        self.feed_forward_norm = LayerNormalization(
            epsilon=epsilon, name="feed_forward_norm", **options
        )
        self.dropout = Dropout(dropout_rate, name="dropout", **options)

    def build(self, inputs_shape: Shape) -> None:
        """Make the weights, for inputs of width D."""
        self.attention.build(inputs_shape, inputs_shape)
        for layer in (self.attention_norm, self.feed_forward, self.feed_forward_norm):
            layer.build(inputs_shape)

    def call(
        self,
        inputs: Any,
        mask: Any = None,
        *,
        return_attention_scores: bool = False,
        training: bool | None = None,
    ) -> Any:
        """Attend, then transform every position."""
        before = self.norm == "pre"
        x = self.attention_norm(inputs) if before else inputs
        x, scores = self.attention(
            x,
            x,
            value_mask=mask,
            use_causal_mask=self.causal,
            return_attention_scores=True,
            training=training,
        )
        x = inputs + self.dropout(x, training=training)  # (B, T, D)
        x = x if before else self.attention_norm(x)

        y = self.feed_forward_norm(x) if before else x
        y = x + self.dropout(self.feed_forward(y, training=training), training=training)
        y = y if before else self.feed_forward_norm(y)  # (B, T, D)
        return (y, scores) if return_attention_scores else y

    def compute_output_shape(self, inputs_shape: Shape) -> Shape:
        """That of the inputs."""
        return inputs_shape

    def compute_output_spec(
        self, inputs: Any, *, return_attention_scores: bool = False, **_: Any
    ) -> Any:
        """That of the inputs and, where asked for, of the scores."""
        outputs = keras.KerasTensor(inputs.shape, dtype=self.compute_dtype)
        if not return_attention_scores:
            return outputs
        batch, length, _width = inputs.shape
        size = (batch, self.num_heads, length, length)
        return outputs, keras.KerasTensor(size, dtype=self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "mlp_dim": self.mlp_dim,
            "dropout_rate": self.dropout_rate,
            "activation": keras.activations.serialize(keras.activations.get(self.activation)),
            "norm": self.norm,
            "causal": self.causal,
            "epsilon": self.epsilon,
            "attention_dropout_rate": self.attention_dropout_rate,
            "mlp_dropout_rate": self.mlp_dropout_rate,
            "attention_bias": self.attention_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }
