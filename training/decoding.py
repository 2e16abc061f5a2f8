"""From a decoder's logits to sequences: greedy search and beam search.

Both write token by token behind a start, and what they write is valid: tokens, then END and padding
alone; neither START nor padding is ever chosen for a token. Their loops are unrolled, so that they
can stand in an exported graph, and every step computes the whole beginning anew: for short
sequences, that costs less than it would to keep what each layer made of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from keras import ops
from numpy.typing import NDArray

from training.vocabulary import END_ID, PADDING_ID, START_ID

Scorer = Callable[[Any], Any]
"""Tokens int32 (R, t), beginning with START → logits (R, V) of the token behind them."""

_IMPOSSIBLE: Final = -1e9
"""The log-probability of what must not be, where -∞ would make NaN of a difference."""


def greedy(score: Scorer, batch_size: Any, max_length: int) -> tuple[Any, Any]:
    """At every step, the likeliest token.

    Args:
        score: the decoder; it gets `batch_size` rows.
        batch_size: B, an integer or a scalar tensor.
        max_length: L, the most tokens, END among them.

    Returns:
        Tokens int32 (B, L), and the log-probability of each row, float32 (B,), in nats.
    """
    tokens = ops.full((batch_size, 1), START_ID, dtype="int32")
    total = ops.zeros((batch_size,), dtype="float32")
    finished = ops.zeros((batch_size,), dtype="bool")
    for _ in range(max_length):
        log_probabilities = _log_probabilities(score(tokens))  # (B, V)
        token = ops.cast(ops.argmax(log_probabilities, axis=-1), "int32")
        likelihood = ops.max(log_probabilities, axis=-1)
        total = total + ops.where(finished, 0.0, likelihood)
        token = ops.where(finished, PADDING_ID, token)
        finished = ops.logical_or(finished, ops.equal(token, END_ID))
        tokens = ops.concatenate([tokens, token[:, None]], axis=1)  # (B, t + 1)
    return tokens[:, 1:], total


def beam(
    score: Scorer,
    batch_size: Any,
    max_length: int,
    *,
    num_beams: int = 4,
    length_penalty: float = 0.6,
) -> tuple[Any, Any]:
    """The likeliest sequences that are found by following several at once.

    Sequences Y are ranked by log P(Y) / lp(Y), lest the short win for being short: Wu et al., 2016
    (arXiv:1609.08144), §7, eq. 14, here without its coverage penalty:

        lp(Y) = (5 + |Y|)^α / (5 + 1)^α

    A finished sequence keeps its place among the beams as long as it is one of the best; with one
    beam, this is greedy search.

    Args:
        score: the decoder; it gets `batch_size · num_beams` rows, the beams of a sequence together.
        batch_size: B, an integer or a scalar tensor.
        max_length: L, the most tokens, END among them.
        num_beams: K.
        length_penalty: α; 0 for none. Vaswani et al., 2017 (arXiv:1706.03762), §6.1 take K = 4 and
            α = 0.6.

    Returns:
        Tokens int32 (B, K, L), the best first, and log P(Y) / lp(Y), float32 (B, K).

    Raises:
        ValueError: there is no beam.
    """
    if num_beams < 1:
        raise ValueError(f"num_beams must be at least 1; received {num_beams}")
    tokens = ops.full((batch_size, num_beams, 1), START_ID, dtype="int32")
    # all begin alike: the first alone may go on, or the K best would be one sequence K times
    first = np.where(np.arange(num_beams) == 0, 0, _IMPOSSIBLE).astype(np.float32)
    total = ops.zeros((batch_size, 1), dtype="float32") + first  # (B, K)
    finished = ops.zeros((batch_size, num_beams), dtype="bool")
    length = ops.zeros((batch_size, num_beams), dtype="float32")
    ranks = total
    for step in range(1, max_length + 1):
        logits = score(ops.reshape(tokens, (-1, step)))  # (B·K, V)
        num_tokens = logits.shape[-1]
        log_probabilities = ops.reshape(_log_probabilities(logits), (-1, num_beams, num_tokens))
        log_probabilities = ops.where(
            finished[..., None], _padding_alone(num_tokens), log_probabilities
        )
        totals = total[..., None] + log_probabilities  # (B, K, V)
        lengths = length + ops.where(finished, 0.0, 1.0)
        ranked = totals / _penalty(lengths, length_penalty)[..., None]
        ranks, best = ops.top_k(ops.reshape(ranked, (-1, num_beams * num_tokens)), num_beams)
        best = ops.cast(best, "int32")  # (B, K), of K·V
        parent, token = best // num_tokens, best % num_tokens
        total = ops.take_along_axis(ops.reshape(totals, (-1, num_beams * num_tokens)), best, axis=1)
        length = ops.take_along_axis(lengths, parent, axis=1)
        tokens = ops.take_along_axis(tokens, parent[..., None], axis=1)
        tokens = ops.concatenate([tokens, token[..., None]], axis=2)  # (B, K, t + 1)
        finished = ops.any(ops.equal(tokens, END_ID), axis=2)
    return tokens[:, :, 1:], ranks


def _log_probabilities(logits: Any) -> Any:
    """Of the tokens that may follow, float32 (R, V)."""
    barred = np.zeros(logits.shape[-1], np.float32)
    barred[[PADDING_ID, START_ID]] = _IMPOSSIBLE
    return ops.log_softmax(ops.cast(logits, "float32") + barred, axis=-1)


def _padding_alone(num_tokens: int) -> NDArray[np.float32]:
    """The log-probabilities behind END: what is finished goes on with padding, at no cost."""
    alone = np.full(num_tokens, _IMPOSSIBLE, np.float32)
    alone[PADDING_ID] = 0
    return alone


def _penalty(length: Any, alpha: float) -> Any:
    return ops.power((5.0 + length) / 6.0, alpha)
