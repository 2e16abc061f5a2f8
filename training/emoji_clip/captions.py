"""Captions: what may be said of a drawing, and of which other drawings it is true as well."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.datasets._captioned import Concept
from training.text.byte_pairs import BytePairs

MOST_TERMS: Final = 4
"""Terms of a caption."""

JOINTS: Final = (", ", " ", " and ", " with ")
"""What stands between two terms, the same throughout a caption."""

PHRASES: Final = (
    *("a {}", "an {}", "the {}", "{} emoji", "an image of {}", "an emoji of {}"),
    *("something like {}", "something with {}", "something for {}", "something to do with {}"),
    *("something that is {}", "someone who is {}", "it is {}", "I want {}", "this is {}"),
    *("something to {}", "something that {}", "at the {}", "I am {}", "I am in {}", "people in {}"),
    *("when it is {}", "where you {}", "somewhere to {}", "my {}", "your {}", "some {}", "for {}"),
)
"""How people wrap in a sentence what they mean; none of the other words tells anything."""

_PHRASED: Final = 0.4
"""Share of the captions in a phrase."""


@dataclass(frozen=True)
class Captions:
    """For each of N concepts C captions, such as "an image of beach with summer", drawn once."""

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
        contrastive loss all of these are positives, or the model would be told that an image of a
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
                texts.append(_phrase(chosen, random))
        names = pieces.encode([concept.name for concept in concepts])
        tokens = pieces.encode(texts)
        length = max(names.shape[1], tokens.shape[1])
        names, tokens = (np.pad(t, [(0, 0), (0, length - t.shape[1])]) for t in (names, tokens))
        return cls(names, tokens.reshape(len(concepts), count, length), said, holds)


def words(concepts: tuple[Concept, ...]) -> Iterator[str]:
    """What captions are made of, about as often as they say it: for a tokenizer to learn from."""
    for concept in concepts:
        yield from concept.terms
        yield PHRASES[len(concept.name) % len(PHRASES)].format("")


def _terms(concepts: tuple[Concept, ...]) -> list[str]:
    return sorted({term for concept in concepts for term in concept.terms})


def _choose(concept: Concept, random: np.random.Generator) -> list[str]:
    """A few terms, most often keywords; in half the captions with the name or a kind."""
    keywords = list(random.permutation(concept.keywords)[: random.integers(1, MOST_TERMS)])
    draw = random.random()
    if draw < 0.35 or not keywords:
        keywords.append(concept.name)
    elif draw < 0.5 and concept.kinds:
        keywords.insert(0, concept.kinds[random.integers(len(concept.kinds))])
    chosen = [str(term) for term in dict.fromkeys(keywords)]
    random.shuffle(chosen)
    return chosen


def _phrase(terms: list[str], random: np.random.Generator) -> str:
    text = JOINTS[random.integers(len(JOINTS))].join(terms)
    if random.random() < _PHRASED:
        return PHRASES[random.integers(len(PHRASES))].format(text)
    return text
