"""Prototypes: learnt vectors that stand beside those of a batch, one for each thing there is."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="lutrin")
class Prototypes(keras.Layer):
    """Adds the rows of a learnt matrix, brought to length 1, behind the rows that come in.

    In a contrastive loss each row is one more text, which no sentence says: a proxy of its class
    (Movshovitz-Attias et al., 2017, arXiv:1703.07464), and with a temperature the classes of
    NormFace (Wang et al., 2017, arXiv:1704.06369). So every picture is told from all classes at
    every step, not only from those that the batch happens to hold.

    Args:
        count: K.
        **kwargs: of `keras.layers.Layer`.

    Shapes: inputs float (B, D), rows of length 1; outputs (B + K, D).

    Raises:
        ValueError: `count` is below 1.
    """

    def __init__(self, count: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if count < 1:
            raise ValueError(f"count must be at least 1; received {count}")
        self.count = count

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the matrix; its rows begin in random directions."""
        width = input_shape[-1]
        self.vectors = self.add_weight(
            name="vectors",
            shape=(self.count, width),
            initializer=keras.initializers.RandomNormal(stddev=(width or 1) ** -0.5),
        )

    def call(self, inputs: Any) -> Any:
        """(B, D) → (B + K, D)."""
        rows = ops.normalize(ops.cast(self.vectors, inputs.dtype), axis=-1)
        return ops.concatenate([inputs, rows], axis=0)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """(B, D) → (B + K, D)."""
        batch, width = input_shape
        return None if batch is None else batch + self.count, width

    def get_config(self) -> dict[str, Any]:
        """The arguments, to build the same layer anew."""
        return {**super().get_config(), "count": self.count}
