"""The shapes in which batches run, so few that each has been run before anybody waits for it.

A runtime prepares itself anew for each shape it meets, which costs a small model 2–10 usual runs.
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
    powers = [2**exponent for exponent in range(largest.bit_length())]
    between = [3 * 2**exponent for exponent in range(largest.bit_length())]
    sizes = {size for size in [*powers, *between] if size < largest}
    return tuple(sorted(sizes | {largest}))


def text_lengths(longest: int) -> tuple[int, ...]:
    """The lengths of texts in use, in tokens: by 2 from 8 to 32, by 4 to 64, … up to `longest`.

    A text costs what its tokens do, those of its padding too, and a length less than it seems:
    runtimes prepare a new one in milliseconds, once.
    """
    lengths = [min(_SHORTEST, longest)]
    while lengths[-1] < longest:
        step = max(2, 2 ** (lengths[-1].bit_length() - 4))
        lengths.append(min(lengths[-1] + step, longest))
    return tuple(lengths)


def fitting(sizes: Sequence[int], wanted: int) -> int:
    """The smallest of ascending `sizes` that holds `wanted`; the last must."""
    return sizes[bisect_left(sizes, wanted)]
