"""A vocabulary of characters: texts → tokens → texts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from training.errors import DatasetError

PADDING_ID: Final = 0
"""No token: what fills a sequence up."""
START_ID: Final = 1
"""Stands before the first token that a decoder writes."""
END_ID: Final = 2
"""Stands behind the last."""
UNKNOWN_ID: Final = 3
"""A character that is not in the vocabulary."""

_NUM_SPECIAL: Final = 4


@dataclass(frozen=True)
class Vocabulary:
    """Characters, in the order of their tokens, which begin behind the four special ones."""

    characters: tuple[str, ...]

    @classmethod
    def of(cls, texts: Iterable[str]) -> Vocabulary:
        """Every character of some texts, sorted by code point."""
        return cls(tuple(sorted(set().union(*texts))))

    def __len__(self) -> int:
        """How many tokens there are, the special ones among them."""
        return _NUM_SPECIAL + len(self.characters)

    def encode(self, texts: Sequence[str], length: int) -> NDArray[np.int32]:
        """Tokens int32 (N, length), padded behind.

        Raises:
            DatasetError: a text is longer.
        """
        tokens = {character: token for token, character in enumerate(self.characters, _NUM_SPECIAL)}
        rows = np.full((len(texts), length), PADDING_ID, np.int32)
        for row, text in zip(rows, texts, strict=True):
            if len(text) > length:
                raise DatasetError(
                    f"a text has {len(text)} characters where {length} are the most: {text!r}"
                )
            row[: len(text)] = [tokens.get(character, UNKNOWN_ID) for character in text]
        return rows

    def decode(self, tokens: NDArray[Any]) -> list[str]:
        """Texts of tokens int (N, T), up to the first END; other special tokens say nothing."""
        names = ("", "", "", "", *self.characters)
        texts = []
        for row in tokens:
            ends = np.flatnonzero(row == END_ID)
            stop = ends[0] if len(ends) else len(row)
            texts.append("".join(names[token] for token in row[:stop]))
        return texts

    def code_points(self) -> NDArray[np.int32]:
        """The Unicode code point of every token, int32 (V,); 0 for the special ones."""
        return np.array([0] * _NUM_SPECIAL + [ord(each) for each in self.characters], np.int32)

    def tokens_by_code_point(self) -> NDArray[np.int32]:
        """The token of every code point up to one behind the last known, which is unknown too."""
        points = self.code_points()
        tokens = np.full(points.max() + 2, UNKNOWN_ID, np.int32)
        tokens[points] = np.arange(len(self), dtype=np.int32)
        tokens[0] = PADDING_ID
        return tokens
