"""Drawings of things by several hands, and what people call these things."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from training.errors import DatasetError


@dataclass(frozen=True)
class Concept:
    """A thing that was drawn."""

    name: str
    """No other concept has it."""
    keywords: tuple[str, ...]
    """Other words for it, which other concepts may share; to learn from."""
    kinds: tuple[str, ...]
    """What kinds of thing it is, in words that are true of the whole kind."""
    withheld: str | None = None
    """A keyword that is true of it and is never learnt with it: to test texts with."""
    group: str = ""
    """The heading that it stands under, by which figures are coloured."""

    @property
    def terms(self) -> tuple[str, ...]:
        """Everything that may be said of it in training, each once."""
        return tuple(dict.fromkeys((self.name, *self.keywords, *self.kinds)))


@dataclass(frozen=True)
class CaptionedDataset:
    """Concepts, and each vendor's drawings of them in the same order."""

    concepts: tuple[Concept, ...]
    images: Mapping[str, NDArray[np.uint8]]
    """By vendor, (N, H, W, 3), 0–255; white where the vendor did not draw the concept."""
    drawn: Mapping[str, NDArray[np.bool_]]
    """By vendor, (N,)."""

    def __post_init__(self) -> None:
        count = len(self.concepts)
        if len({concept.name for concept in self.concepts}) != count or not count:
            raise DatasetError("every concept must have a name of its own, and there must be one")
        for vendor, images in self.images.items():
            drawn = self.drawn[vendor]
            if images.dtype != np.uint8 or images.shape != (count, *self.image_shape):
                raise DatasetError(
                    f"the drawings by {vendor} are {images.dtype} {images.shape}; "
                    f"expected uint8 {(count, *self.image_shape)}"
                )
            if drawn.shape != (count,) or not drawn.any():
                raise DatasetError(f"{vendor} drew none of the concepts")
        if not len(self.test):
            raise DatasetError("no concept was drawn by every vendor: there is nothing to test")

    @property
    def vendors(self) -> tuple[str, ...]:
        """Who drew."""
        return tuple(self.images)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(H, W, 3), pixels."""
        _, height, width, channels = next(iter(self.images.values())).shape
        return height, width, channels

    @property
    def train(self) -> tuple[Concept, ...]:
        """All concepts; whose drawings are learnt from is the task's to say."""
        return self.concepts

    @cached_property
    def test(self) -> NDArray[np.int64]:
        """The concepts that every vendor drew, (M,): retrieval is measured among these."""
        return np.flatnonzero(np.all(list(self.drawn.values()), axis=0))

    def drawn_by_any(self, vendors: Sequence[str]) -> NDArray[np.int64]:
        """The concepts that one of some vendors drew, (M,)."""
        return np.flatnonzero(np.any([self.drawn[vendor] for vendor in vendors], axis=0))

    def drawings(
        self, vendors: Sequence[str], concepts: NDArray[np.int64]
    ) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Some concepts as some vendors draw them, uint8 (M, V, H, W, 3); and the concepts, (M,).

        For a vendor who did not draw a concept stands the drawing of the first who did.
        """
        drawn = np.stack([self.drawn[vendor][concepts] for vendor in vendors], axis=1)  # (M, V)
        images = np.stack([self.images[vendor][concepts] for vendor in vendors], axis=1)
        first = images[np.arange(len(concepts)), drawn.argmax(axis=1)][:, np.newaxis]
        return np.where(drawn[:, :, None, None, None], images, first), concepts
