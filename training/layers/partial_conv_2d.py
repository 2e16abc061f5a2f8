"""A convolution whose maps each see only some of the input's maps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable(package="lutrin")
class PartialConv2D(keras.Layer):
    """A convolution with a connection table: map i is the sum over the maps that row i names.

        y_i = b_i + Σ_{c ∈ table_i} k_{c,i} ∗ x_c

    LeCun, Bottou, Bengio and Haffner, 1998, "Gradient-Based Learning Applied to Document
    Recognition", Proc. IEEE 86(11), §II.B, layer C3 and table I. Only kernels that the table names
    exist: K²·(names in the table) weights, and a bias a map. Stride 1, no padding.

    Args:
        table: for each map of the output, the indices of the input's maps that it sees.
        kernel_size: K, height and width of every kernel, pixels.

    Takes floats (B, H, W, C) and gives (B, H−K+1, W−K+1, len(table)).
    """

    def __init__(self, table: Sequence[Sequence[int]], kernel_size: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.table = [[int(index) for index in row] for row in table]
        if not self.table or not all(self.table):
            raise ValueError(f"table must name at least one map in every row; received {table}")
        if any(len(set(row)) < len(row) or min(row) < 0 for row in self.table):
            raise ValueError(
                f"each row of table holds different indices of at least 0; received {table}"
            )
        if kernel_size < 1:
            raise ValueError(f"kernel_size must be at least 1; received {kernel_size}")
        self.kernel_size = kernel_size

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the kernels that the table names.

        Raises:
            ValueError: the table names a map that the input lacks.
        """
        channels = input_shape[-1] or 0
        highest = max(max(row) for row in self.table)
        if len(input_shape) != 4 or highest >= channels:
            raise ValueError(
                f"PartialConv2D takes (B, H, W, C) with C above {highest}, the highest map in its "
                f"table; received the shape {input_shape}"
            )
        pairs = [(c, i) for i, row in enumerate(self.table) for c in row]
        # Which kernel stands where among all C·maps kernels: placing them is a product with this.
        self._places = np.zeros((len(pairs), channels, len(self.table)), np.float32)
        for number, (channel, index) in enumerate(pairs):
            self._places[number, channel, index] = 1
        size = self.kernel_size
        # the variance of LeCun et al.'s fan-in rule, for the mean number of inputs a map sees
        limit = (3 * len(self.table) / (size * size * len(pairs))) ** 0.5
        self.kernel = self.add_weight(
            shape=(size, size, len(pairs)),
            initializer=keras.initializers.RandomUniform(-limit, limit),
            name="kernel",
        )
        self.bias = self.add_weight(shape=(len(self.table),), initializer="zeros", name="bias")

    def call(self, inputs: Any) -> Any:
        """(B, H, W, C) → (B, H−K+1, W−K+1, len(table))."""
        places = ops.cast(self._places, self.compute_dtype)
        kernel = ops.tensordot(self.kernel, places, axes=1)  # (K, K, C, maps), zero where not named
        return ops.conv(inputs, kernel, padding="valid", data_format="channels_last") + self.bias

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """(B, H−K+1, W−K+1, len(table))."""
        batch, height, width, _ = input_shape
        less = self.kernel_size - 1
        return batch, height and height - less, width and width - less, len(self.table)

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {**super().get_config(), "table": self.table, "kernel_size": self.kernel_size}
