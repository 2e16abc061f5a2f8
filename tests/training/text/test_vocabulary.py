"""Texts become tokens and come back."""

from __future__ import annotations

import numpy as np
import pytest

from training.errors import DatasetError
from training.text.vocabulary import END_ID, PADDING_ID, START_ID, UNKNOWN_ID, Vocabulary

VOCABULARY = Vocabulary.of(["août", "à"])


def test_the_characters_are_sorted_behind_the_special_tokens() -> None:
    assert VOCABULARY.characters == ("a", "o", "t", "à", "û")
    assert len(VOCABULARY) == 9


def test_texts_come_back() -> None:
    tokens = VOCABULARY.encode(["août", "à", ""], 5)
    assert tokens.dtype == np.int32
    assert tokens.tolist() == [[4, 5, 8, 6, 0], [7, 0, 0, 0, 0], [0] * 5]
    assert VOCABULARY.decode(tokens) == ["août", "à", ""]


def test_nothing_is_read_behind_the_end() -> None:
    tokens = np.array([[START_ID, 4, UNKNOWN_ID, 5, END_ID, 6]])
    assert VOCABULARY.decode(tokens) == ["ao"]


def test_what_is_unknown_has_a_token_of_its_own() -> None:
    assert VOCABULARY.encode(["tz"], 2).tolist() == [[6, UNKNOWN_ID]]


def test_code_points_lead_to_tokens_and_back() -> None:
    points, tokens = VOCABULARY.code_points(), VOCABULARY.tokens_by_code_point()
    assert tokens[[ord(each) for each in "août"]].tolist() == [4, 5, 8, 6]
    assert points[[4, 5, 8, 6]].tolist() == [ord(each) for each in "août"]
    assert tokens[0] == PADDING_ID
    assert tokens[ord("z")] == tokens[-1] == UNKNOWN_ID
    assert points[:4].tolist() == [0, 0, 0, 0]


def test_a_text_too_long_is_refused() -> None:
    with pytest.raises(DatasetError, match="has 4 characters where 3 are the most: 'août'"):
        VOCABULARY.encode(["août"], 3)
