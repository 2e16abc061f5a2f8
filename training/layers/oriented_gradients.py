"""Oriented gradients: where a picture has edges, and which way they run; nothing is learnt."""

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
    """Edges of a picture by direction, in cells, with the contrast divided out.

    Dalal and Triggs, 2005, "Histograms of Oriented Gradients for Human Detection" (CVPR), in a form
    that is a handful of tensor operations: a gradient g = (∂x, ∂y) of the brightness is not sorted
    into the bin of its angle but answered by every direction d_k = (cos 2πk/K, sin 2πk/K) as far as
    it points there (steered, as in Freeman and Adelson, 1991, and half-wave rectified):

        r_k = √(mean over the cell of max(0, g · d_k))
        y_k = r_k / (mean of r over all directions and a window around + ½·ε)

    What a drawing's line does to a picture stays; colour, shading and most of its contrast go.

    Args:
        num_directions: K, evenly around the circle: dark to light is not light to dark.
        cell_size: side of a cell, pixels, which divides H and W.
        window_size: side of the window of the contrast, cells, odd.
        epsilon: what counts as no contrast at all, above 0.

    Shapes: inputs float (B, H, W, C), 0–1, C 1 or 3; outputs (B, H/cell, W/cell, K), about 1 where
    there are edges.

    Raises:
        ValueError: an argument is out of range, or the cells do not divide the picture.
    """

    def __init__(
        self,
        num_directions: int = 8,
        cell_size: int = 2,
        window_size: int = 9,
        epsilon: float = 0.2,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if num_directions < 2 or cell_size < 1 or window_size < 1 or window_size % 2 == 0:
            raise ValueError(
                "num_directions must be at least 2, cell_size at least 1 and window_size odd; "
                f"received {num_directions}, {cell_size} and {window_size}"
            )
        if not epsilon > 0:
            raise ValueError(f"epsilon must be above 0; received {epsilon!r}")
        self.num_directions = num_directions
        self.cell_size = cell_size
        self.window_size = window_size
        self.epsilon = epsilon

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """There are no weights; the picture is checked.

        Raises:
            ValueError: its sides are not multiples of the cell's, or it has neither 1 nor 3
                channels.
        """
        _, height, width, channels = input_shape
        if channels not in {1, 3}:
            raise ValueError(f"pictures have 1 or 3 channels; received {channels}")
        if any(side is None or side % self.cell_size for side in (height, width)):
            raise ValueError(
                f"pictures have sides that are multiples of the cell_size {self.cell_size}; "
                f"received {height}×{width}"
            )

    def call(self, inputs: Any) -> Any:
        """(B, H, W, C) → (B, H/cell, W/cell, K)."""
        weights = np.array(LUMA if inputs.shape[-1] == 3 else (1.0,))
        grey = ops.sum(inputs * ops.cast(weights, inputs.dtype), axis=-1, keepdims=True)
        framed = ops.pad(grey, [[0, 0], [1, 1], [1, 1], [0, 0]], mode="symmetric")
        right = framed[:, 1:-1, 2:] - framed[:, 1:-1, :-2]  # (B, H, W, 1)
        down = framed[:, 2:, 1:-1] - framed[:, :-2, 1:-1]
        angles = np.arange(self.num_directions) * 2 * np.pi / self.num_directions
        cos, sin = (ops.cast(each, inputs.dtype) for each in (np.cos(angles), np.sin(angles)))
        edges = ops.relu(right * cos + down * sin)  # (B, H, W, K)
        edges = ops.average_pool(edges, self.cell_size, self.cell_size)
        edges = ops.sqrt(edges + FLOOR) - FLOOR**0.5
        mean = ops.mean(edges, axis=-1, keepdims=True)
        mean = ops.average_pool(mean, self.window_size, 1, padding="same")
        return edges / (mean + self.epsilon / 2)

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
            "window_size": self.window_size,
            "epsilon": self.epsilon,
        }
