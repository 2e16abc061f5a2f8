"""Nearest unpooling: each value fills the window it stands for."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from training.layers._convolution import Pair, pair

Shape = tuple[int | None, ...]


@keras.saving.register_keras_serializable(package="lutrin")
class NearestUnpooling2D(keras.layers.Layer):
    """x[y, x, c] = v[⌊y / h⌋, ⌊x / w⌋, c]: an image enlarged by repeating its pixels.

    It needs no positions and has no weights; average pooling undoes it exactly. As a way to
    enlarge without the chequers of transposed convolutions: Odena, Dumoulin and Olah, 2016,
    "Deconvolution and Checkerboard Artifacts", Distill.

    Args:
        pool_size: (h, w) of a window, or one number for both, pixels.
        kwargs: `name`, `dtype` and what else any Keras layer takes.

    Shapes: images (B, H, W, C) → (B, H·h, W·w, C).

    Raises:
        ValueError: `pool_size` is neither one positive integer nor two.
    """

    def __init__(self, pool_size: int | Pair = 2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.pool_size = pair(pool_size, "pool_size")

    def call(self, images: Any) -> Any:
        """(B, H, W, C) → (B, H·h, W·w, C)."""
        rows, columns = self.pool_size
        return ops.repeat(ops.repeat(images, rows, axis=1), columns, axis=2)

    def compute_output_shape(self, images_shape: Shape) -> Shape:
        """(B, H, W, C) → (B, H·h, W·w, C)."""
        batch, height, width, channels = images_shape
        rows, columns = self.pool_size
        return (
            batch,
            None if height is None else height * rows,
            None if width is None else width * columns,
            channels,
        )

    def get_config(self) -> dict[str, Any]:
        """The arguments that make this layer again."""
        return {**super().get_config(), "pool_size": self.pool_size}
