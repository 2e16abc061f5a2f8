"""Euclidean radial basis functions: a class is as likely as its pattern is near."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="lutrin")
class RadialBasisOutput(keras.Layer):
    """Logits from the squared distance to one fixed pattern a class.

        logit_k = −Σ_j (x_j − w_kj)²

    LeCun, Bottou, Bengio and Haffner, 1998, "Gradient-Based Learning Applied to Document
    Recognition", Proc. IEEE 86(11), eq. 7. The paper's unit gives the distance itself; its negative
    is a logit, and the cross-entropy of these logits is the paper's criterion (eq. 9) without the
    constant e^−j for rubbish. The patterns are parameters that no training changes.

    Args:
        centers: w, K rows of D numbers.

    Takes floats (B, D) and gives (B, K).
    """

    def __init__(self, centers: Sequence[Sequence[float]], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.centers = [[float(value) for value in row] for row in centers]
        if len({len(row) for row in self.centers}) != 1 or not self.centers[0]:
            raise ValueError(
                "centers must be rows of one length of at least 1; received rows of "
                f"{[len(row) for row in self.centers]}"
            )

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Lay the patterns down.

        Raises:
            ValueError: the input has another width than the patterns.
        """
        width = len(self.centers[0])
        if len(input_shape) != 2 or input_shape[-1] != width:
            raise ValueError(
                f"RadialBasisOutput takes (B, {width}), the width of its centers; "
                f"received the shape {input_shape}"
            )
        self.kernel = self.add_weight(
            shape=(len(self.centers), width),
            initializer=lambda shape, dtype: ops.convert_to_tensor(self.centers, dtype),
            trainable=False,
            name="centers",
        )

    def call(self, inputs: Any) -> Any:
        """(B, D) → (B, K)."""
        # Distances term by term: |x|² − 2x·w + |w|² would lose digits where x is near w.
        differences = ops.expand_dims(inputs, 1) - self.kernel  # (B, K, D)
        return -ops.sum(ops.square(differences), axis=-1)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """(B, K)."""
        return input_shape[0], len(self.centers)

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {**super().get_config(), "centers": self.centers}
