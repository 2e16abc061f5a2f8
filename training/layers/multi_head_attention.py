"""Multi-head attention, and the scaled dot-product attention it is made of."""

from __future__ import annotations

from typing import Any, Final

import keras
from keras import ops

from training.layers.dense import Dense
from training.layers.dropout import Dropout

Shape = tuple[int | None, ...]

_EXCLUDED: Final = -1e9
"""What stands for -∞ in the softmax, which would make NaN of a row of nothing else."""


def scaled_dot_product_attention(
    query: Any, key: Any, value: Any, mask: Any = None, dropout: Any = None
) -> tuple[Any, Any]:
    """softmax(Q·Kᵀ / √d)·V for every head: Vaswani et al., 2017 (arXiv:1706.03762), eq. 1.

    The softmax is computed in float32 whatever the precision of the rest: with 8 bits of mantissa
    the scores of a long sequence would not sum to 1.

    Args:
        query: float (B, T, N, d), N heads of width d.
        key: float (B, S, N, d).
        value: float (B, S, N, d).
        mask: bool, broadcast to (B, N, T, S): True where a query may look. A query that may look
            nowhere gets zeros, as in Keras.
        dropout: a function applied to the scores before they weigh the values.

    Returns:
        The weighted values (B, T, N, d), and the scores (B, N, T, S), whose sum over S is 1.
    """
    query = query * query.shape[-1] ** -0.5  # before the product, which is the larger tensor
    similarities = ops.cast(ops.einsum("btnd,bsnd->bnts", query, key), "float32")
    if mask is not None:
        similarities = ops.where(mask, similarities, _EXCLUDED)
    # a single key takes everything, and Keras warns of a softmax over one
    single = similarities.shape[-1] == 1
    scores = ops.ones_like(similarities) if single else ops.softmax(similarities, axis=-1)
    if mask is not None:
        scores = ops.where(mask, scores, 0.0)
    scores = ops.cast(scores, value.dtype)
    weights = scores if dropout is None else dropout(scores)
    return ops.einsum("bnts,bsnd->btnd", weights, value), scores


def causal_mask(num_queries: Any, num_keys: Any) -> Any:
    """bool (T, S): True where position s of the keys is not after position t of the queries."""
    return ops.arange(num_queries)[:, None] >= ops.arange(num_keys)[None, :]


@keras.saving.register_keras_serializable(package="lutrin")
class MultiHeadAttention(keras.Layer):
    """Several attentions side by side, each in a subspace of its own.

    Vaswani et al., 2017 (arXiv:1706.03762), §3.2.2:

        MultiHead(Q, K, V) = Concat(head₁ … head_N)·W_O + b_O
        head_i = Attention(Q·W_Q,i + b_Q,i,  K·W_K,i + b_K,i,  V·W_V,i + b_V,i)

    The paper has no biases (`use_bias=False`); BERT, ViT and most who followed have them. With the
    same weights it computes what `keras.layers.MultiHeadAttention` does, whose kernels are ours
    reshaped: (D, N·d) here, (D, N, d) there.

    Args:
        num_heads: N.
        key_dim: d, the width of a head's queries, keys and values; None for D / N, as in the paper.
        dropout_rate: share of the scores dropped while training, 0–1; none in the paper, 0.1 in
            BERT.
        use_bias: whether the four projections have biases.
        kernel_initializer: of the four projections.

    Call arguments:
        query: float (B, T, D).
        value: float (B, S, E); `query` itself for self-attention.
        key: float (B, S, F); None for `value`.
        value_mask: bool (B, S), the padding mask: False where there is no token. Keras fills it in
            where `value` carries a mask, as behind `TokenEmbedding`.
        attention_mask: bool (T, S), (B, T, S) or (B, N, T, S): True where a query may look.
        use_causal_mask: let no position look at a later one, as in a decoder.
        return_attention_scores: return the scores as well.

    Returns:
        float (B, T, D); with `return_attention_scores` also the scores, float (B, N, T, S).

    Raises:
        ValueError: an argument is out of range, or D does not divide into N heads.
    """

    def __init__(
        self,
        num_heads: int,
        key_dim: int | None = None,
        *,
        dropout_rate: float = 0.0,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if num_heads < 1:
            raise ValueError(f"num_heads must be at least 1; received {num_heads}")
        if key_dim is not None and key_dim < 1:
            raise ValueError(f"key_dim must be at least 1, or None; received {key_dim}")
        self.num_heads = num_heads
        self.key_dim = key_dim
        self.dropout_rate = dropout_rate
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.dropout = Dropout(dropout_rate, dtype=self.dtype_policy, name="dropout")
        self.supports_masking = True

    def build(self, query_shape: Shape, value_shape: Shape, key_shape: Shape | None = None) -> None:
        """Make the four projections."""
        width = query_shape[-1] or 0
        if self.key_dim is None and width % self.num_heads:
            raise ValueError(
                f"the width of the queries must divide into num_heads={self.num_heads} equal "
                f"parts, or key_dim be given; received queries of shape {query_shape}"
            )
        heads = self.num_heads * (self.key_dim or width // self.num_heads)  # N·d
        self.query_projection = self._projection(heads, "query")
        self.key_projection = self._projection(heads, "key")
        self.value_projection = self._projection(heads, "value")
        self.output_projection = self._projection(width, "output")
        self.query_projection.build(query_shape)
        self.key_projection.build(key_shape or value_shape)
        self.value_projection.build(value_shape)
        self.output_projection.build((*query_shape[:-1], heads))

    def _projection(self, units: int, name: str) -> keras.Layer:
        return Dense(
            units,
            use_bias=self.use_bias,
            kernel_initializer=self.kernel_initializer.clone(),  # one object: the same numbers
            dtype=self.dtype_policy,
            name=name,
        )

    def call(
        self,
        query: Any,
        value: Any,
        key: Any = None,
        *,
        value_mask: Any = None,
        attention_mask: Any = None,
        use_causal_mask: bool = False,
        return_attention_scores: bool = False,
        training: bool | None = None,
    ) -> Any:
        """Project, attend in every head, join the heads."""
        mask = self._mask(query, value, value_mask, attention_mask, use_causal_mask)
        attended, scores = scaled_dot_product_attention(
            self._split(self.query_projection(query)),  # (B, T, N, d)
            self._split(self.key_projection(value if key is None else key)),  # (B, S, N, d)
            self._split(self.value_projection(value)),  # (B, S, N, d)
            mask,
            lambda scores: self.dropout(scores, training=training),
        )
        batch, length, heads, head_width = ops.shape(attended)
        joined = ops.reshape(attended, (batch, length, heads * head_width))  # (B, T, N·d)
        outputs = self.output_projection(joined)  # (B, T, D)
        return (outputs, scores) if return_attention_scores else outputs

    def _split(self, projected: Any) -> Any:
        """(B, T, N·d) → (B, T, N, d)."""
        batch, length, width = ops.shape(projected)
        return ops.reshape(projected, (batch, length, self.num_heads, width // self.num_heads))

    def _mask(
        self, query: Any, value: Any, value_mask: Any, attention_mask: Any, use_causal_mask: bool
    ) -> Any:
        """All masks as one, to broadcast to (B, N, T, S); None where everybody sees everything."""
        masks = []
        if value_mask is not None:
            masks.append(ops.cast(value_mask, "bool")[:, None, None, :])  # (B, 1, 1, S)
        if attention_mask is not None:
            mask = ops.cast(attention_mask, "bool")
            masks.append(mask[:, None] if len(mask.shape) == 3 else mask)  # (B, 1, T, S)
        if use_causal_mask:
            masks.append(causal_mask(ops.shape(query)[1], ops.shape(value)[1]))  # (T, S)
        if not masks:
            return None
        joined = masks[0]
        for mask in masks[1:]:
            joined = ops.logical_and(joined, mask)
        return joined

    def compute_output_shape(
        self, query_shape: Shape, value_shape: Shape, key_shape: Shape | None = None
    ) -> Shape:
        """That of the queries."""
        return query_shape

    def compute_output_spec(
        self,
        query: Any,
        value: Any,
        key: Any = None,
        *,
        return_attention_scores: bool = False,
        **_: Any,
    ) -> Any:
        """That of the queries and, where asked for, of the scores."""
        outputs = keras.KerasTensor(query.shape, dtype=self.compute_dtype)
        if not return_attention_scores:
            return outputs
        size = (query.shape[0], self.num_heads, query.shape[1], value.shape[1])
        return outputs, keras.KerasTensor(size, dtype=self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "key_dim": self.key_dim,
            "dropout_rate": self.dropout_rate,
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }
