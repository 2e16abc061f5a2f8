"""Texts to one output row each, in batches of shapes that the runtime has seen before.

Texts of about one length share a run, so that a long one costs its own time and not that of all
that came with it; and a run is bounded in tokens, so that nobody waits for a long one for long.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from service.batching.images import Row, finite
from service.batching.shapes import batch_sizes, fitting, text_lengths
from service.manifest import Signature, TextInput
from service.preprocessing.tokenizer import Tokens
from service.runtimes import Function, Tensors

MOST_TOKENS: Final = 640
"""Of one run, padding included: a processor is busy with 256, and others wait for a long run. So a
full batch of short texts has room in it, and none for a long one beside them.
"""
_WARMED: Final = 128
"""Tokens of the largest shapes that are run in advance: preparing a larger one takes longer, but
little beside running it.
"""
_WORTH: Final = 24
"""Tokens of padding that cost less than a run of one's own: 1.2–1.5 ms of MiniLM's time."""


class TextBatches:
    """A signature of texts on one device."""

    def __init__(
        self, function: Function, signature: Signature, text: TextInput, max_batch_size: int
    ) -> None:
        self._function = function
        self._masked = "mask" in signature.inputs
        self._padding = text.padding
        self._lengths = text_lengths(text.max_length)
        self._sizes = {
            length: batch_sizes(max(1, min(max_batch_size, MOST_TOKENS // length)))
            for length in self._lengths
        }
        self.batch_seconds = math.inf
        """What the largest batch takes, judged from a smaller one, known once warm."""

    def warm(self) -> None:
        """Run every shape of some size once: no caller is to wait for the runtime's preparations.

        The longest text is among them, whatever its size.
        """
        longest = self._lengths[-1]
        for length, sizes in self._sizes.items():
            for size in sizes:
                if size * length <= _WARMED or (size, length) == (1, longest):
                    self._run(length, size, [])
        start = time.perf_counter()
        self._run(longest, 1, [])
        self.batch_seconds = (time.perf_counter() - start) * MOST_TOKENS / longest

    def weigh(self, row: Tokens) -> int:
        """The tokens of a run that a text takes, its padding included."""
        return fitting(self._lengths, len(row))

    def __call__(self, rows: Sequence[Tokens]) -> list[Row | Exception]:
        """The float32 (D,) row of each text, none longer than the manifest says."""
        answers: dict[int, Row | Exception] = {}
        for length, size, indices in self._runs(rows):
            outputs = self._run(length, size, [rows[index] for index in indices])
            answers.update(zip(indices, outputs, strict=True))
        return [answers[index] for index in range(len(rows))]

    def _runs(self, rows: Sequence[Tokens]) -> Iterator[tuple[int, int, list[int]]]:
        """The runs that a batch is made of: the length and size of each, and which rows it has."""
        for length, indices in self._groups(rows):
            rest = indices
            while rest:
                size = self._size(length, len(rest))
                yield length, size, rest[:size]
                rest = rest[size:]

    def _size(self, length: int, rows: int) -> int:
        """How many of `rows` share the next run: all, where padding it costs little, or most."""
        sizes = self._sizes[length]
        size = fitting(sizes, rows)
        if (size - rows) * length > _WORTH:
            size = sizes[sizes.index(size) - 1]
        return size

    def _groups(self, rows: Sequence[Tokens]) -> Iterator[tuple[int, list[int]]]:
        """The rows that are padded to a length together."""
        indices: list[int] = []
        length = wasted = 0
        # From the longest down, each joins the run before it while that wastes little.
        for index in sorted(range(len(rows)), key=lambda index: -len(rows[index])):
            own = fitting(self._lengths, len(rows[index]))
            wasted += length - own
            if indices and (wasted > _WORTH or len(indices) == self._sizes[length][-1]):
                yield length, indices
                indices = []
            if not indices:
                length, wasted = own, 0
            indices.append(index)
        if indices:
            yield length, indices

    def _run(self, length: int, size: int, rows: Sequence[Tokens]) -> list[Row | Exception]:
        tokens = np.full((size, length), self._padding, np.int32)
        mask = np.zeros_like(tokens)
        mask[len(rows) :, 0] = 1  # a row of nothing has no mean
        for index, row in enumerate(rows):
            tokens[index, : len(row)] = row
            mask[index, : len(row)] = 1
        inputs: Tensors = {"tokens": tokens, "mask": mask} if self._masked else {"tokens": tokens}
        return finite(self._function(inputs)["embeddings"][: len(rows)])
