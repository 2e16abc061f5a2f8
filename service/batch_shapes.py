"""The shapes in which batches run, so few that each has been run before anybody waits for it.

A runtime prepares itself anew for each shape it meets, which costs 2–10 usual runs.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Final

_SHORTEST: Final = 8
"""Tokens; texts shorter than this gain nothing from a shape of their own."""


def batch_sizes(largest: int) -> tuple[int, ...]:
    """The batch sizes in use: 1, 2, 3, 4, 6, 8, 12, 16, … up to `largest`.

    Padding, which is never more than a third of a batch, costs less than another shape.
    """
    return _grid(1, largest)


def text_lengths(longest: int) -> tuple[int, ...]:
    """The lengths of texts in use, in tokens: 8, 12, 16, 24, 32, … up to `longest`."""
    return _grid(min(_SHORTEST, longest), longest)


def fitting(sizes: Sequence[int], wanted: int) -> int:
    """The smallest of ascending `sizes` that holds `wanted`; the last must."""
    return sizes[bisect_left(sizes, wanted)]


def _grid(smallest: int, largest: int) -> tuple[int, ...]:
    """Powers of two and what lies in the middle of two of them, and `largest` itself."""
    powers = [2**exponent for exponent in range(largest.bit_length())]
    between = [3 * 2**exponent for exponent in range(largest.bit_length())]
    sizes = {size for size in [*powers, *between] if smallest <= size < largest}
    return tuple(sorted(sizes | {largest}))
