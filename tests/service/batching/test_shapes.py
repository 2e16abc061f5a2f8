"""The few shapes of batches: how much is padded, and that nothing is too large."""

from __future__ import annotations

import pytest

from service.batching.shapes import batch_sizes, fitting, text_lengths


@pytest.mark.parametrize("largest", [1, 2, 3, 5, 7, 31, 32, 33, 100])
def test_batches_are_padded_by_a_third_at_most(largest: int) -> None:
    sizes = batch_sizes(largest)
    assert sizes == tuple(sorted(set(sizes)))
    assert sizes[-1] == largest
    for rows in range(1, largest + 1):
        padded = next(size for size in sizes if size >= rows)
        assert (padded - rows) * 3 <= padded, f"{rows} rows are padded to {padded}"


def test_the_documented_sizes() -> None:
    assert batch_sizes(32) == (1, 2, 3, 4, 6, 8, 12, 16, 24, 32)


@pytest.mark.parametrize("longest", [1, 7, 8, 9, 77, 256, 512])
def test_texts_are_padded_by_a_ninth_or_a_token_at_most_or_to_the_shortest(longest: int) -> None:
    lengths = text_lengths(longest)
    assert lengths[-1] == longest
    for tokens in range(1, longest + 1):
        padded = fitting(lengths, tokens)
        assert padded >= tokens
        assert padded == lengths[0] or (padded - tokens) * 9 <= padded or padded - tokens == 1


def test_the_documented_lengths() -> None:
    by_two = (8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30, 32)
    assert text_lengths(77) == (*by_two, 36, 40, 44, 48, 52, 56, 60, 64, 72, 77)
