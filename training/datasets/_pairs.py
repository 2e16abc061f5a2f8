"""Pairs of texts: what data sets for sequence transduction hold."""

from __future__ import annotations

from dataclasses import dataclass

from training.errors import DatasetError
from training.text.vocabulary import Vocabulary


@dataclass(frozen=True)
class Pairs:
    """Texts and what each is to become."""

    sources: tuple[str, ...]
    targets: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.sources) != len(self.targets) or not self.sources:
            raise DatasetError(
                f"there are {len(self.sources)} sources and {len(self.targets)} targets; "
                "expected as many, at least one"
            )

    def __len__(self) -> int:
        return len(self.sources)


@dataclass(frozen=True)
class PairDataset:
    """Pairs to learn from, pairs never learnt from, and their characters."""

    train: Pairs
    test: Pairs
    vocabulary: Vocabulary
    """Of sources and targets together."""
    examples: tuple[str, ...]
    """Sources made for the purpose, which drive what a model learnt: an export's goldens."""

    @property
    def source_length(self) -> int:
        """Characters of the longest source."""
        return max(len(text) for split in (self.train, self.test) for text in split.sources)

    @property
    def target_length(self) -> int:
        """Characters of the longest target."""
        return max(len(text) for split in (self.train, self.test) for text in split.targets)
