"""Captions: what may be said of a drawing, and of which other drawings it is true as well."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.byte_pairs import BytePairs
from training.datasets._captioned import Concept

MOST_TERMS = 4
"""Terms of a caption."""


@dataclass(frozen=True)
class Captions:
    """For each of N concepts C captions, such as "beach, summer, palm tree", drawn once."""

    names: NDArray[np.int32]
    """Tokens of the names alone, (N, T)."""
    tokens: NDArray[np.int32]
    """(N, C, T), zeros behind."""
    terms: NDArray[np.int32]
    """(N, C, 4): the terms of each caption as columns of `holds`; the last column fills up."""
    holds: NDArray[np.bool_]
    """(N, K + 1): which term is true of which concept; the last column is true of all."""

    @classmethod
    def draw(
        cls, concepts: tuple[Concept, ...], pieces: BytePairs, *, count: int, seed: int
    ) -> Captions:
        """Draw `count` captions of 1 to 4 terms for each concept.

        A caption is true of every concept that has all its terms: "face" of a hundred of them. In a
        contrastive loss all of these are positives, or the model would be told that a picture of a
        face is none.
        """
        random = np.random.default_rng(seed)
        known = {term: index for index, term in enumerate(_terms(concepts))}
        holds = np.zeros((len(concepts), len(known) + 1), np.bool_)
        holds[:, -1] = True
        said = np.full((len(concepts), count, MOST_TERMS), len(known), np.int32)
        texts = []
        for row, concept in enumerate(concepts):
            holds[row, [known[term] for term in concept.terms]] = True
            for column in range(count):
                chosen = _choose(concept, random)
                said[row, column, : len(chosen)] = [known[term] for term in chosen]
                texts.append(", ".join(chosen))
        names = pieces.encode([concept.name for concept in concepts])
        tokens = pieces.encode(texts)
        length = max(names.shape[1], tokens.shape[1])
        names, tokens = (np.pad(t, [(0, 0), (0, length - t.shape[1])]) for t in (names, tokens))
        return cls(names, tokens.reshape(len(concepts), count, length), said, holds)


def _terms(concepts: tuple[Concept, ...]) -> list[str]:
    return sorted({term for concept in concepts for term in concept.terms})


def _choose(concept: Concept, random: np.random.Generator) -> list[str]:
    """A few terms, most often keywords; in half the captions with the name or a group."""
    keywords = list(random.permutation(concept.keywords)[: random.integers(1, MOST_TERMS)])
    draw = random.random()
    if draw < 0.35 or not keywords:
        keywords.append(concept.name)
    elif draw < 0.5 and concept.groups:
        keywords.insert(0, concept.groups[random.integers(len(concept.groups))])
    chosen = [str(term) for term in dict.fromkeys(keywords)]
    random.shuffle(chosen)
    return chosen
