"""Oriented gradients: where an image has edges, and which way they lie; nothing is learnt."""

from __future__ import annotations

from typing import Any, Final

import keras
import numpy as np
from keras import ops

LUMA: Final = (0.299, 0.587, 0.114)
"""How bright red, green and blue look (ITU-R BT.601)."""

FLOOR: Final = 1e-4
"""Added below the root, whose slope at 0 would be infinite."""


@keras.saving.register_keras_serializable(package="lutrin")
class OrientedGradients(keras.Layer):
    """How much edge of each direction lies in each cell of an image.

    Dalal and Triggs, 2005, "Histograms of Oriented Gradients for Human Detection" (CVPR), §6.3: a
    gradient of the brightness, of length m and angle θ, votes by m for the two directions nearest
    to θ, of K about the half circle: dark to light is as light to dark. Then, over a cell,

        y_k = √(mean of m · max(0, 1 − |θ·K/π − k|))        (θ·K/π − k the shorter way round)

    The root is theirs (L2-sqrt, §6.4), but without overlapping blocks: whoever wants the contrast
    out divides by the length of all of it. What a drawing's line does to an image stays; colour
    goes, and of shading and contrast most.

    Args:
        num_directions: K.
        cell_size: side of a cell, pixels, which divides H and W.

    Shapes: inputs float (B, H, W, C), 0–1, C 1 or 3; outputs (B, H/cell, W/cell, K), from 0.

    Raises:
        ValueError: an argument is out of range, or the cells do not divide the image.
    """

    def __init__(self, num_directions: int = 8, cell_size: int = 8, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if num_directions < 2 or cell_size < 1:
            raise ValueError(
                "num_directions must be at least 2 and cell_size at least 1; "
                f"received {num_directions} and {cell_size}"
            )
        self.num_directions = num_directions
        self.cell_size = cell_size

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """There are no weights; the image is checked.

        Raises:
            ValueError: its sides are not multiples of the cell's, or it has neither 1 nor 3
                channels.
        """
        _, height, width, channels = input_shape
        if channels not in {1, 3}:
            raise ValueError(f"images have 1 or 3 channels; received {channels}")
        if any(side is None or side % self.cell_size for side in (height, width)):
            raise ValueError(
                f"images have sides that are multiples of the cell_size {self.cell_size}; "
                f"received {height}×{width}"
            )

    def call(self, inputs: Any) -> Any:
        """(B, H, W, C) → (B, H/cell, W/cell, K)."""
        weights = np.array(LUMA if inputs.shape[-1] == 3 else (1.0,))
        grey = ops.sum(inputs * ops.cast(weights, inputs.dtype), axis=-1, keepdims=True)
        framed = ops.pad(grey, [[0, 0], [1, 1], [1, 1], [0, 0]], mode="symmetric")
        right = framed[:, 1:-1, 2:] - framed[:, 1:-1, :-2]  # (B, H, W, 1)
        down = framed[:, 2:, 1:-1] - framed[:, :-2, 1:-1]
        length = ops.sqrt(right * right + down * down)
        half_turns = ops.arctan2(down, right) / np.pi + 1.0  # 0–2: a line is the same at 0, 1, 2
        directions = ops.cast(np.arange(self.num_directions), inputs.dtype)
        away = ops.abs(half_turns * self.num_directions - directions)  # (B, H, W, K), 0–2·K
        away = ops.minimum(away, ops.abs(away - self.num_directions))
        away = ops.minimum(away, ops.abs(2 * self.num_directions - away))
        votes = length * ops.relu(1.0 - away)
        cells = ops.average_pool(votes, self.cell_size, self.cell_size)
        return ops.sqrt(cells + FLOOR) - FLOOR**0.5

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """(B, H, W, C) → (B, H/cell, W/cell, K)."""
        batch, height, width, _ = input_shape
        rows, columns = (side and side // self.cell_size for side in (height, width))
        return batch, rows, columns, self.num_directions

    def get_config(self) -> dict[str, Any]:
        """The arguments, to build the same layer anew."""
        return {
            **super().get_config(),
            "num_directions": self.num_directions,
            "cell_size": self.cell_size,
        }
