"""From a decoder's logits to sequences: greedy search and beam search.

Both write token by token behind a start, and what they write is valid: tokens, then END and padding
alone; neither START nor padding is ever chosen for a token. They are loops of the graph, so that
they can stand in an export, and end as soon as every sequence has. Every step computes the whole
beginning anew: for short sequences, that costs less than it would to keep what each layer made.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from keras import ops
from numpy.typing import NDArray

from training.text.vocabulary import END_ID, PADDING_ID, START_ID

Scorer = Callable[[Any, Any], Any]
"""Tokens int32 (R, L), START and t others, then padding; t → logits (R, V) of the next."""

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

    def write(step: Any, tokens: Any, total: Any, finished: Any) -> tuple[Any, ...]:
        log_probabilities = _log_probabilities(score(tokens[:, :-1], step))  # (B, V)
        # not `argmax`, in which Keras looks at the sign of zeros by an operation OpenVINO lacks
        likeliest, best = ops.top_k(log_probabilities, 1)  # (B, 1)
        total = total + ops.where(finished, 0.0, likeliest[:, 0])
        token = ops.where(finished, PADDING_ID, ops.cast(best[:, 0], "int32"))
        finished = ops.logical_or(finished, ops.equal(token, END_ID))
        return step + 1, _put(tokens, token, step + 1), total, finished

    _, tokens, total, _ = ops.while_loop(
        lambda step, tokens, total, finished: ops.logical_not(ops.all(finished)),
        write,
        (
            ops.zeros((), dtype="int32"),
            _begun((batch_size,), max_length),  # (B, 1 + L)
            ops.zeros((batch_size,), dtype="float32"),
            ops.zeros((batch_size,), dtype="bool"),
        ),
        maximum_iterations=max_length,
    )
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
    size = (batch_size, num_beams)

    def write(step: Any, tokens: Any, total: Any, length: Any, _ranks: Any) -> tuple[Any, ...]:
        logits = score(ops.reshape(tokens[..., :-1], (-1, max_length)), step)  # (B·K, V)
        num_tokens = logits.shape[-1]
        next_ones = ops.reshape(_log_probabilities(logits), (-1, num_beams, num_tokens))
        finished = _finished(tokens)
        next_ones = ops.where(finished[..., None], _padding_alone(num_tokens), next_ones)
        totals = total[..., None] + next_ones  # (B, K, V)
        lengths = length + ops.where(finished, 0.0, 1.0)
        ranked = totals / ops.power((5.0 + lengths) / 6.0, length_penalty)[..., None]
        ranks, best = ops.top_k(ops.reshape(ranked, (-1, num_beams * num_tokens)), num_beams)
        best = ops.cast(best, "int32")  # (B, K), of K·V
        parent = best // num_tokens
        tokens = ops.take_along_axis(tokens, parent[..., None], axis=1)  # (B, K, 1 + L)
        totals = ops.reshape(totals, (-1, num_beams * num_tokens))
        return (
            step + 1,
            _put(tokens, best % num_tokens, step + 1),
            ops.take_along_axis(totals, best, axis=1),
            ops.take_along_axis(lengths, parent, axis=1),
            ranks,
        )

    # all begin alike: the first alone may go on, or the K best would be one sequence K times
    first = np.where(np.arange(num_beams) == 0, 0, _IMPOSSIBLE).astype(np.float32)
    zeros = ops.zeros(size, dtype="float32")
    _, tokens, _, _, ranks = ops.while_loop(
        lambda step, tokens, *_: ops.logical_not(ops.all(_finished(tokens))),
        write,
        (ops.zeros((), dtype="int32"), _begun(size, max_length), zeros + first, zeros, zeros),
        maximum_iterations=max_length,
    )
    return tokens[:, :, 1:], ranks


def _begun(size: tuple[Any, ...], max_length: int) -> Any:
    """START, then padding, int32 (…, 1 + L)."""
    row = np.full(1 + max_length, PADDING_ID, np.int32)
    row[0] = START_ID
    return ops.zeros((*size, 1), dtype="int32") + row


def _put(tokens: Any, token: Any, position: Any) -> Any:
    """The tokens (…, 1 + L) with one more in its position."""
    here = ops.equal(ops.arange(tokens.shape[-1]), position)
    return ops.where(here, token[..., None], tokens)


def _finished(tokens: Any) -> Any:
    """Which sequences have ended, bool (B, K)."""
    return ops.any(ops.equal(tokens, END_ID), axis=-1)


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
