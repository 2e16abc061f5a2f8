"""Pictures to class probabilities, in batches of sizes that the runtime has seen before."""

from __future__ import annotations

import math
import time
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from service.errors import InferenceFailed
from service.manifest import ImageInput
from service.runtimes import Function

_FEW: Final = 100
"""Up to this many classes Python sorts them faster than NumPy."""

Pixels = NDArray[np.uint8]
Probabilities = NDArray[np.float32]


@dataclass(slots=True)  # not frozen: that would triple the cost of making one
class Prediction:
    """One class and its score."""

    label: str
    index: int
    score: float
    """The model's probability, 0–1."""


class Classifier:
    """A `classify` signature on one device."""

    def __init__(self, function: Function, image: ImageInput, max_batch_size: int) -> None:
        self._function = function
        self.image = image
        self._sizes = batch_sizes(max_batch_size)
        self.batch_seconds = math.inf
        """What the largest batch takes, known once warm."""

    def warm(self) -> None:
        """Run every batch size once, so that no caller waits for the runtime's preparations."""
        for size in self._sizes:
            self._function({"images": self._blank(size)})
        self.batch_seconds = min(self._seconds(self._blank(self._sizes[-1])) for _ in range(3))

    def _seconds(self, images: Pixels) -> float:
        start = time.perf_counter()
        self._function({"images": images})
        return time.perf_counter() - start

    def __call__(self, rows: Sequence[Pixels]) -> list[Probabilities | Exception]:
        """The float32 (K,) probabilities of at most `max_batch_size` pictures.

        A picture whose scores are not numbers gets an error in its place.
        """
        images = self._blank(self._sizes[bisect_left(self._sizes, len(rows))])
        for index, pixels in enumerate(rows):
            images[index] = pixels
        probabilities = self._function({"images": images})["probabilities"][: len(rows)]
        if np.isfinite(probabilities).all():
            return list(probabilities)
        return [row if np.isfinite(row).all() else _not_numbers() for row in probabilities]

    def _blank(self, size: int) -> Pixels:
        image = self.image
        return np.zeros((size, image.height, image.width, image.channels), np.uint8)


def _not_numbers() -> InferenceFailed:
    return InferenceFailed("the model gave scores that are not finite numbers for this picture")


def batch_sizes(largest: int) -> tuple[int, ...]:
    """The batch sizes in use: 1, 2, 3, 4, 6, 8, 12, 16, … up to `largest`.

    A runtime prepares itself anew for each size it meets, which costs 2–10 usual runs; padding,
    which is never more than a third of a batch, costs less.
    """
    powers = [2**exponent for exponent in range(largest.bit_length())]
    between = [3 * 2**exponent for exponent in range(largest.bit_length())]
    return tuple(sorted({size for size in [*powers, *between] if size < largest} | {largest}))


def top(probabilities: Probabilities, labels: Sequence[str], count: int) -> list[Prediction]:
    """The `count` best classes, the best first, ties in the order of the labels."""
    if len(labels) <= _FEW:
        scores = probabilities.tolist()
        order = sorted(range(len(scores)), key=scores.__getitem__, reverse=True)[:count]
    else:
        order = np.argsort(-probabilities, kind="stable")[:count].tolist()
        scores = {index: float(probabilities[index]) for index in order}
    return [Prediction(labels[index], index, scores[index]) for index in order]
