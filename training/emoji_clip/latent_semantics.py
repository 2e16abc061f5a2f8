"""Latent semantics: words and the things that are called by them, as vectors by a factorization."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class LatentSemantics:
    """Things and tokens in one space: a text is the sum of its tokens, near what it speaks of.

    Deerwester et al., 1990, "Indexing by Latent Semantic Analysis": of the matrix that says which
    token is said of which thing, by its rarity, the leading singular vectors are kept. Tokens that
    are said of the same things become alike, and so a thing is found by a word that nobody said of
    it, but of its like.
    """

    things: Floats
    """(N, D), rows of length 1."""
    tokens: Floats
    """(V, D), on average of variance 1; 0 for a token that is said of nothing or everything."""
    rarity: Floats
    """(V,): log of N over how many things a token is said of; 0 for one that never is."""

    @classmethod
    def fit(cls, said: NDArray[np.bool_], width: int) -> LatentSemantics:
        """From (N, V), which tokens are said of which things.

        Raises:
            ValueError: there are fewer things or tokens than D.
        """
        if width > min(said.shape):
            raise ValueError(f"a matrix of {said.shape} has no {width} factors; choose fewer")
        counts = said.sum(axis=0)
        rarity = np.log(len(said) / np.maximum(counts, 1)) * (counts > 0)
        left, values, right = np.linalg.svd(_unit(said * rarity), full_matrices=False)
        tokens = right[:width].T * rarity[:, np.newaxis]
        return cls(
            _unit(left[:, :width] * values[:width]),
            (tokens / max(float(tokens.std()), 1e-12)).astype(np.float32),
            rarity.astype(np.float32),
        )


def explain(said: NDArray[np.bool_], rarity: Floats, targets: Floats, ridge: float) -> Floats:
    """Vectors of tokens (V, D) whose sum, over what is said of a thing, comes near its target.

    Ridge regression in its dual form, of targets (N, D) by (N, V).
    """
    rows = _unit(said * rarity)
    gram = rows @ rows.T + ridge * np.eye(len(rows), dtype=np.float32)
    weights: Floats = rarity[:, np.newaxis] * (rows.T @ np.linalg.solve(gram, targets))
    return weights


def said_of(tokens: Sequence[NDArray[np.int32]], vocabulary_size: int) -> NDArray[np.bool_]:
    """Which tokens are said of each of N things (N, V), by the tokens of all of its texts."""
    said = np.zeros((len(tokens), vocabulary_size), np.bool_)
    for row, each in enumerate(tokens):
        said[row, np.unique(each)] = True
    return said


def _unit(rows: NDArray[np.floating]) -> Floats:
    lengths = np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    unit: Floats = (rows / lengths).astype(np.float32)
    return unit
