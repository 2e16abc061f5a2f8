"""Retrieval: how well an encoder of images and one of texts find what belongs together.

Measured among the concepts that every vendor drew, by the drawings of one of them:

- `image_to_name` and `name_to_image`, from a drawing to its concept's name and back;
- `keyword_to_image`, from a keyword that was never learnt with a concept to its drawing; concepts
  that were learnt with the keyword are rightly near, and are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from training.datasets._captioned import CaptionedDataset
from training.objectives.metrics import ranks, recall
from training.text.byte_pairs import BytePairs

CUTOFFS: Final = (1, 5, 10)
"""The k of every R@k."""

Vectors = NDArray[np.float32]
"""(N, D), rows of length 1."""

Encoder = Callable[[NDArray[Any]], Vectors]
"""Of images uint8 (N, H, W, 3), or of tokens int32 (N, T)."""


class Retrieval:
    """Queries and what they are to find.

    Args:
        dataset: the concepts and their drawings.
        vendor: whose drawings are looked through.
        pieces: the tokenizer of the encoder of texts.
    """

    def __init__(self, dataset: CaptionedDataset, vendor: str, pieces: BytePairs) -> None:
        self.concepts = [dataset.concepts[index] for index in dataset.test]
        self.images = dataset.images[vendor][dataset.test]
        self.names = pieces.encode([concept.name for concept in self.concepts])
        withheld = [concept.withheld for concept in self.concepts if concept.withheld]
        self.keywords = pieces.encode(withheld) if withheld else None

    def measure(
        self, embed_image: Encoder, embed_text: Encoder, *, unseen: bool
    ) -> dict[str, float]:
        """R@1, R@5 and R@10 by name, such as `test_name_to_image_recall_at_5`; all 0–1.

        Args:
            embed_image: the encoder of images.
            embed_text: the encoder of texts.
            unseen: whether the vendor's drawings were kept from training, without which finding
                their names proves nothing and is left out.
        """
        images = embed_image(self.images)
        scores: dict[str, NDArray[np.int64]] = {}
        own = np.eye(len(images), dtype=np.bool_)
        if unseen:
            names = embed_text(self.names)
            scores["image_to_name"] = ranks(images @ names.T, own)
            scores["name_to_image"] = ranks(names @ images.T, own)
        if self.keywords is not None:
            asked, learnt = self._withheld()
            found = embed_text(self.keywords) @ images.T
            scores["keyword_to_image"] = ranks(np.where(learnt, -np.inf, found), own[asked])
        return _shares(scores)

    def nearest(self, embed_image: Encoder, embed_text: Encoder, count: int = 5) -> list[list[str]]:
        """For each concept its name, and the names of the `count` drawings nearest to it."""
        scores = embed_text(self.names) @ embed_image(self.images).T
        order = np.argsort(-scores, axis=1, kind="stable")[:, :count]
        names = [concept.name for concept in self.concepts]
        rows = zip(names, order, strict=True)
        return [[name, *(names[column] for column in columns)] for name, columns in rows]

    def _withheld(self) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """The concepts (Q,) with a withheld keyword, and which were learnt with it (Q, N)."""
        asked = [row for row, concept in enumerate(self.concepts) if concept.withheld]
        learnt = [
            [self.concepts[row].withheld in other.terms for other in self.concepts] for row in asked
        ]
        return np.array(asked, np.int64), np.array(learnt, np.bool_)


def _shares(scores: Mapping[str, NDArray[np.int64]]) -> dict[str, float]:
    return {
        f"test_{name}_recall_at_{k}": recall(found, k)
        for name, found in scores.items()
        for k in CUTOFFS
    }
