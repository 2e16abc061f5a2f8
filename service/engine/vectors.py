"""Embeddings, and how near they are to each other."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float32]
"""Vectors, float32 (N, D)."""


class Vectors(NamedTuple):
    """What a model made of a request's inputs."""

    rows: Rows
    """(N, D), in the order of the inputs."""
    tokens: list[int]
    """Tokens of each input; 0 for an image."""


def unit(rows: Rows) -> Rows:
    """Vectors of length 1; one of zeros stays."""
    lengths: NDArray[np.float32] = np.linalg.norm(rows, axis=-1, keepdims=True)
    lengths[lengths == 0] = 1
    return rows / lengths


def cosines(a: Rows, b: Rows) -> Rows:
    """The cosine of each of `a` (N, D) with each of `b` (M, D), float32 (N, M) from -1 to 1."""
    products: Rows = unit(a) @ unit(b).T
    return products.clip(-1, 1)


def probabilities(cosines: Rows, temperature: float) -> Rows:
    """softmax(cosine / τ) along the last axis: how likely each belongs, when one of them does."""
    logits = cosines.astype(np.float64) / temperature
    odds = np.exp(logits - logits.max(axis=-1, keepdims=True))
    shares: Rows = (odds / odds.sum(axis=-1, keepdims=True)).astype(np.float32)
    return shares


def ranking(scores: NDArray[np.float32], count: int | None = None) -> list[int]:
    """The places of the `count` highest scores (N,), the highest first, ties in their order."""
    return [int(index) for index in np.argsort(-scores, kind="stable")[:count]]
