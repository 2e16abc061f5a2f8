"""Captions say true things, never a withheld one, and know of whom else they are true."""

from __future__ import annotations

import numpy as np
import pytest

from training.datasets._captioned import Concept
from training.emoji_clip.captions import MOST_TERMS, Captions, words
from training.text.byte_pairs import BytePairs

CONCEPTS = (
    Concept("red heart", ("love", "heart", "emotion"), ("hearts",), "romance"),
    Concept("blue heart", ("love", "heart", "sky"), ("hearts",)),
    Concept("wedding", ("romance", "love"), ("places",)),
    Concept("alone", (), ()),
)
PIECES = BytePairs.learn(words(CONCEPTS), 340, 16)


@pytest.fixture(scope="module")
def captions() -> Captions:
    return Captions.draw(CONCEPTS, PIECES, count=40, seed=1)


def test_what_is_said_is_true_and_of_a_few_terms(captions: Captions) -> None:
    assert captions.tokens.shape[:2] == captions.terms.shape[:2] == (4, 40)
    assert captions.terms.shape[2] == MOST_TERMS
    for row in range(len(CONCEPTS)):
        assert captions.holds[row][captions.terms[row]].all()
    assert len({*map(bytes, captions.tokens[0])}) > 10


def test_a_caption_is_true_of_whoever_has_all_its_terms(captions: Captions) -> None:
    known = sorted({term for concept in CONCEPTS for term in concept.terms})
    love, sky, last = known.index("love"), known.index("sky"), len(known)
    assert captions.holds[:, love].tolist() == [True, True, True, False]
    said = captions.holds[:, [love, sky, last, last]].all(axis=1)
    assert said.tolist() == [False, True, False, False]


def test_what_is_withheld_is_never_said(captions: Captions) -> None:
    (word,) = PIECES.encode(["romance"])
    tail = word[-2:].tobytes()
    assert not any(tail in row.tobytes() for row in captions.tokens[0])
    assert any(tail in row.tobytes() for row in captions.tokens[2])


def test_they_are_the_same_every_time(captions: Captions) -> None:
    again = Captions.draw(CONCEPTS, PIECES, count=40, seed=1)
    np.testing.assert_array_equal(again.tokens, captions.tokens)
    other = Captions.draw(CONCEPTS, PIECES, count=40, seed=2)
    assert not np.array_equal(other.terms, captions.terms)
