"""Data sets, one a module named like it; each offers `load() -> Dataset`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.errors import DatasetError


@dataclass(frozen=True)
class Split:
    """Images and what they show."""

    images: NDArray[np.uint8]
    """(N, H, W, C), 0–255."""
    labels: NDArray[np.int64]
    """(N,), indices into the data set's labels."""

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Dataset:
    """Images to learn from, images never learnt from, and the names of what they show."""

    train: Split
    test: Split
    labels: tuple[str, ...]
    """The class names, in the order of their indices."""
    image_shape: tuple[int, int, int]
    """(H, W, C), pixels."""

    def __post_init__(self) -> None:
        for name, split in (("train", self.train), ("test", self.test)):
            self._check(name, split)

    def _check(self, name: str, split: Split) -> None:
        images, labels = split.images, split.labels
        if images.dtype != np.uint8 or images.shape[1:] != self.image_shape:
            raise DatasetError(
                f"the {name} images are {images.dtype} {images.shape}; "
                f"expected uint8 (N, {', '.join(map(str, self.image_shape))})"
            )
        if labels.shape != images.shape[:1] or not len(labels):
            raise DatasetError(
                f"there are {len(images)} {name} images and {labels.size} labels for them; "
                "expected as many, at least one"
            )
        if labels.dtype != np.int64 or labels.min() < 0 or labels.max() >= len(self.labels):
            raise DatasetError(
                f"the {name} labels are {labels.dtype} from {labels.min()} to {labels.max()}; "
                f"expected int64 from 0 to {len(self.labels) - 1}"
            )
