"""Searches over a language small enough to look at every sequence."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from keras import ops
from numpy.typing import NDArray

from training.text import beam_search
from training.text.beam_search import Scorer
from training.text.vocabulary import END_ID, PADDING_ID, START_ID

TOKENS = 6
"""Padding, START, END, and three that say something."""
LENGTH = 4


def _language(seed: int) -> NDArray[np.float32]:
    """Logits of every token behind every other, at every position: float32 (L, V, V)."""
    random = np.random.default_rng(seed)
    return random.normal(scale=2, size=(LENGTH, TOKENS, TOKENS)).astype(np.float32)


def _scorer(logits: NDArray[np.float32]) -> Scorer:
    def score(tokens: Any, step: Any) -> Any:
        assert tokens.dtype == "int32"
        here = ops.take(logits, step, axis=0)
        return ops.take(here, ops.take(tokens, step, axis=1), axis=0)

    return score


def _log_probability(logits: NDArray[np.float32], sequence: tuple[int, ...]) -> float:
    total, before = 0.0, START_ID
    for step, token in enumerate(sequence):
        row = logits[step, before].astype(np.float64)
        row[[PADDING_ID, START_ID]] = -np.inf
        total += float(row[token] - np.log(np.exp(row).sum()))
        before = token
    return total


def _sequences() -> list[tuple[int, ...]]:
    """All that end within the length, or fill it."""
    words = range(END_ID + 1, TOKENS)
    ended = [
        (*each, END_ID)
        for length in range(LENGTH)
        for each in itertools.product(words, repeat=length)
    ]
    return ended + list(itertools.product(words, repeat=LENGTH))


@pytest.mark.parametrize("seed", range(5))
def test_greedy_takes_the_likeliest_step_by_step(seed: int) -> None:
    logits = _language(seed)
    tokens, total = beam_search.greedy(_scorer(logits), 1, LENGTH)
    written = [int(token) for token in np.asarray(tokens)[0] if token != PADDING_ID]
    before = START_ID
    for step, token in enumerate(written):
        assert token == 2 + logits[step, before, 2:].argmax()
        before = token
    assert float(total[0]) == pytest.approx(_log_probability(logits, tuple(written)), abs=1e-4)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("length_penalty", [0.0, 0.6, 2.0])
def test_enough_beams_find_the_best_of_all(seed: int, length_penalty: float) -> None:
    logits = _language(seed)

    def rank(sequence: tuple[int, ...]) -> float:
        penalty: float = ((5 + len(sequence)) / 6) ** length_penalty  # Wu et al., 2016, eq. 14
        return _log_probability(logits, sequence) / penalty

    tokens, scores = beam_search.beam(
        _scorer(logits), 1, LENGTH, num_beams=100, length_penalty=length_penalty
    )
    best = sorted(_sequences(), key=rank, reverse=True)[:5]
    for place, sequence in enumerate(best):
        padded = (*sequence, *[PADDING_ID] * (LENGTH - len(sequence)))
        assert tuple(np.asarray(tokens)[0, place]) == padded
        assert float(scores[0, place]) == pytest.approx(rank(sequence), abs=1e-4)


@pytest.mark.parametrize("seed", range(5))
def test_one_beam_is_greedy(seed: int) -> None:
    score = _scorer(_language(seed))
    tokens, _ = beam_search.greedy(score, 3, LENGTH)
    beams, _ = beam_search.beam(score, 3, LENGTH, num_beams=1)
    np.testing.assert_array_equal(beams[:, 0], tokens)


def test_a_penalty_lets_the_longer_win() -> None:
    logits = np.full((2, 4, 4), -9, np.float32)
    logits[:, START_ID, [END_ID, 3]] = 0.1, 0  # "" is a little likelier than "3"
    logits[:, 3, END_ID] = 9
    found = [
        np.asarray(beam_search.beam(_scorer(logits), 1, 2, num_beams=2, length_penalty=alpha)[0])
        for alpha in (0.0, 1.0)
    ]
    assert found[0][0, 0].tolist() == [END_ID, PADDING_ID]
    assert found[1][0, 0].tolist() == [3, END_ID]


@pytest.mark.parametrize("seed", range(3))
def test_what_is_written_is_valid(seed: int) -> None:
    logits = _language(seed)
    logits[:, :, [PADDING_ID, START_ID]] = 50  # however much the model would like to
    greedy, _ = beam_search.greedy(_scorer(logits), 1, LENGTH)
    beams, _ = beam_search.beam(_scorer(logits), 1, LENGTH, num_beams=3)
    for row in [np.asarray(greedy)[0], *np.asarray(beams)[0]]:
        ends = np.flatnonzero(row == END_ID)
        stop = ends[0] if len(ends) else LENGTH
        assert (row[:stop] > END_ID).all()
        assert (row[stop + 1 :] == PADDING_ID).all()


def test_no_beam_is_refused() -> None:
    with pytest.raises(ValueError, match="num_beams must be at least 1; received 0"):
        beam_search.beam(_scorer(_language(0)), 1, LENGTH, num_beams=0)
