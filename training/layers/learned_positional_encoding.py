"""Positional encoding by a trained vector for every position."""

from __future__ import annotations

from typing import Any

import keras

Shape = tuple[int | None, ...]


@keras.saving.register_keras_serializable(package="lutrin")
class LearnedPositionalEncoding(keras.Layer):
    """Adds to the vector at position t the t-th row of a trained matrix.

    Gehring et al., 2017 (arXiv:1705.03122), §3.1; as good as sinusoids in Vaswani et al., 2017
    (arXiv:1706.03762), table 3 (E), and what BERT and ViT have. Longer sequences than it was made
    for it cannot take.

    Args:
        max_length: the most positions.
        embeddings_initializer: of the matrix (max_length, D).

    Shapes: inputs float (B, T, D), T at most `max_length`; outputs the same.

    Raises:
        ValueError: `max_length` is below 1, or a sequence is longer.
    """

    def __init__(
        self, max_length: int, embeddings_initializer: Any = "uniform", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if max_length < 1:
            raise ValueError(f"max_length must be at least 1; received {max_length}")
        self.max_length = max_length
        self.embeddings_initializer = keras.initializers.get(embeddings_initializer)
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        """Make the matrix, for inputs of width D."""
        self.embeddings = self.add_weight(
            name="embeddings",
            shape=(self.max_length, input_shape[-1]),
            initializer=self.embeddings_initializer,
        )

    def call(self, inputs: Any) -> Any:
        """Add the first T rows."""
        length = keras.ops.shape(inputs)[1]
        if isinstance(length, int) and length > self.max_length:
            raise ValueError(
                f"there are vectors for {self.max_length} positions; received inputs of shape "
                f"{tuple(inputs.shape)}: build the layer with a larger max_length"
            )
        return inputs + self.embeddings[:length]

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """That of the inputs."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {
            **super().get_config(),
            "max_length": self.max_length,
            "embeddings_initializer": keras.initializers.serialize(self.embeddings_initializer),
        }
