"""Cosine classifier: how near a vector is to a learnt one of each class, by a temperature."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from training.layers.scaled_similarity import ScaledSimilarity


@keras.saving.register_keras_serializable(package="lutrin")
class CosineClassifier(keras.Layer):
    """logits_ik = u_i · w_k / (‖w_k‖ · τ) for vectors u_i of length 1; w and τ are learnt.

    NormFace (Wang, Xiang, Cheng and Yuille, 2017, arXiv:1704.06369), eq. 5 and 6, with τ learnt as
    in `ScaledSimilarity`. w_k is what deep metric learning calls a class's proxy
    (Movshovitz-Attias et al., 2017, arXiv:1703.07464): beside a contrastive loss it tells every
    example from all classes at every step, not only from those that the batch happens to hold.

    Args:
        num_classes: K.
        temperature: τ at the beginning, from 0.01.
        **kwargs: of `keras.layers.Layer`.

    Shapes: inputs float (B, D), rows of length 1; outputs (B, K).

    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(self, num_classes: int, temperature: float = 0.07, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if num_classes < 1:
            raise ValueError(f"num_classes must be at least 1; received {num_classes}")
        self.num_classes = num_classes
        self.temperature = temperature
        self.similarity = ScaledSimilarity(temperature, name="similarity", dtype=self.dtype_policy)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the classes' vectors, which begin in random directions."""
        width = input_shape[-1]
        self.kernel = self.add_weight(
            name="kernel",
            shape=(self.num_classes, width),
            initializer=keras.initializers.RandomNormal(stddev=(width or 1) ** -0.5),
        )
        self.similarity.build(input_shape, (self.num_classes, width))

    def call(self, inputs: Any) -> Any:
        """(B, D) → (B, K)."""
        return self.similarity(inputs, ops.normalize(self.kernel, axis=-1))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """(B, D) → (B, K)."""
        return input_shape[0], self.num_classes

    def get_config(self) -> dict[str, Any]:
        """The arguments, to build the same layer anew."""
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "temperature": self.temperature,
        }
