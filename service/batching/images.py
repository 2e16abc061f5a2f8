"""Images to one output row each, in batches of sizes that the runtime has seen before."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from service.batching.shapes import batch_sizes, fitting
from service.errors import InferenceFailed
from service.manifest import ImageInput
from service.runtimes import Function

_SLOW_S: Final = 0.005
"""A row that takes longer gains nothing from company: a batch of a few is as fast by the row."""
_FEW: Final = 8

Pixels = NDArray[np.uint8]
Row = NDArray[np.float32]


class ImageBatches:
    """A signature of images on one device."""

    def __init__(
        self,
        function: Function,
        image: ImageInput,
        max_batch_size: int,
        output: str = "probabilities",
    ) -> None:
        self._function = function
        self.image = image
        self._output = output
        self._sizes = batch_sizes(max_batch_size)
        self.batch_seconds = math.inf
        """What the largest batch takes, known once warm."""
        self.most_rows = max_batch_size
        """Of one batch. A slow model takes few at a time, known once warm: meanwhile the images
        of the next are decoded, where one large batch would have all callers wait for it."""

    def warm(self) -> None:
        """Run every batch size once, so that no caller waits for the runtime's preparations."""
        for size in self._sizes:
            self._function({"images": self._blank(size)})
        self.batch_seconds = min(self._seconds(self._blank(self._sizes[-1])) for _ in range(3))
        if self.batch_seconds / self._sizes[-1] > _SLOW_S:
            self.most_rows = min(_FEW, self.most_rows)

    def _seconds(self, images: Pixels) -> float:
        start = time.perf_counter()
        self._function({"images": images})
        return time.perf_counter() - start

    def __call__(self, rows: Sequence[Pixels]) -> list[Row | Exception]:
        """The float32 row of each of at most `max_batch_size` images.

        An image whose row is not made of numbers gets an error in its place.
        """
        images = self._blank(fitting(self._sizes, len(rows)))
        for index, pixels in enumerate(rows):
            images[index] = pixels
        return finite(self._function({"images": images})[self._output][: len(rows)])

    def _blank(self, size: int) -> Pixels:
        image = self.image
        return np.zeros((size, image.height, image.width, image.channels), np.uint8)


def finite(outputs: NDArray[Any]) -> list[Row | Exception]:
    """The rows of an output, an error in the place of each that is not made of numbers."""
    if np.isfinite(outputs).all():
        return list(outputs)
    return [row if np.isfinite(row).all() else _not_numbers() for row in outputs]


def _not_numbers() -> InferenceFailed:
    return InferenceFailed("the model's answer to this input is not made of finite numbers")
