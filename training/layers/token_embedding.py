"""Token embedding: a trained vector for every token, and the way back to tokens."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

Shape = tuple[int | None, ...]


@keras.saving.register_keras_serializable(package="lutrin")
class TokenEmbedding(keras.Layer):
    """A token's vector is its row of a trained matrix E; with `reverse`, logits are x·Eᵀ.

    Vaswani et al., 2017 (arXiv:1706.03762), §3.4: the same E embeds the tokens of the encoder and
    of the decoder and gives the logits, as Press and Wolf, 2017 (arXiv:1608.05859) found good, and
    an embedding is scaled by √D, so that it is not drowned by the positional encoding.

    Args:
        vocabulary_size: V, the number of tokens.
        embedding_dim: D.
        scale: multiply what is embedded by √D; the logits are not scaled.
        padding_id: the token that stands for no token. The outputs carry the padding mask, bool
            (B, T), False where it stood, as Keras passes masks on; None for no mask.
        embeddings_initializer: of E; None for a normal distribution of deviation 1/√D, with which
            what is scaled begins with variance 1.

    Call arguments:
        inputs: int (B, T), 0 to V - 1; with `reverse` float (B, T, D).
        reverse: from vectors to logits.

    Returns:
        float (B, T, D); with `reverse` logits float (B, T, V).

    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(
        self,
        vocabulary_size: int,
        embedding_dim: int,
        *,
        scale: bool = False,
        padding_id: int | None = None,
        embeddings_initializer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if min(vocabulary_size, embedding_dim) < 1:
            raise ValueError(
                "vocabulary_size and embedding_dim must be at least 1; "
                f"received {vocabulary_size} and {embedding_dim}"
            )
        if padding_id is not None and not 0 <= padding_id < vocabulary_size:
            raise ValueError(
                f"padding_id must be a token, 0 to {vocabulary_size - 1}, or None; "
                f"received {padding_id}"
            )
        self.vocabulary_size = vocabulary_size
        self.embedding_dim = embedding_dim
        self.scale = scale
        self.padding_id = padding_id
        self.embeddings_initializer = keras.initializers.get(
            embeddings_initializer or keras.initializers.RandomNormal(stddev=embedding_dim**-0.5)
        )
        self.supports_masking = True

    def build(self, inputs_shape: Shape) -> None:
        """Make E."""
        self.embeddings = self.add_weight(
            name="embeddings",
            shape=(self.vocabulary_size, self.embedding_dim),
            initializer=self.embeddings_initializer,
        )

    def call(self, inputs: Any, reverse: bool = False) -> Any:
        """Look the vectors up, or compare vectors with all of them."""
        if reverse:
            return ops.matmul(inputs, ops.transpose(self.embeddings))  # (B, T, V)
        vectors = ops.take(self.embeddings, inputs, axis=0)  # (B, T, D)
        return vectors * self.embedding_dim**0.5 if self.scale else vectors

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """Where there is a token; vectors on their way back keep the mask they came with."""
        is_float = keras.backend.is_float_dtype(inputs.dtype)
        if self.padding_id is None or is_float:
            return previous_mask
        return ops.not_equal(inputs, self.padding_id)

    def compute_output_shape(self, inputs_shape: Shape) -> Shape:
        """That of what is embedded."""
        return (*inputs_shape, self.embedding_dim)

    def compute_output_spec(self, inputs: Any, reverse: bool = False) -> Any:
        """Vectors, or logits."""
        shape = (*inputs.shape[:-1], self.vocabulary_size)
        shape = shape if reverse else self.compute_output_shape(inputs.shape)
        return keras.KerasTensor(shape, dtype=self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {
            **super().get_config(),
            "vocabulary_size": self.vocabulary_size,
            "embedding_dim": self.embedding_dim,
            "scale": self.scale,
            "padding_id": self.padding_id,
            "embeddings_initializer": keras.initializers.serialize(self.embeddings_initializer),
        }
