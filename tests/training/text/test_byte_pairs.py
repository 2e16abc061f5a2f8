"""Tokens cover what they were learnt from, and anything else without an error."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import numpy as np
from tokenizers import Tokenizer

from tests import ROOT
from training.text.byte_pairs import BytePairs

TEXTS = ["red heart", "blue heart", "heart on fire", "réd fire engine"]
PIECES = BytePairs.learn(TEXTS, 290, 6)


def test_a_text_is_its_words_behind_a_start_with_zeros_behind() -> None:
    tokens = PIECES.encode(["red heart", "heart"])
    assert tokens.dtype == np.int32
    assert tokens.shape == (2, 3)
    assert tokens[0, 0] == tokens[1, 0] == 1
    assert tokens[0, 2] == tokens[1, 1]
    assert tokens[1, 2] == 0
    np.testing.assert_array_equal(PIECES.encode(["RÉD heart"]), tokens[:1])


def test_words_lose_the_s_of_plurals_and_verbs() -> None:
    several, one = PIECES.encode(["Hearts"]), PIECES.encode(["heart"])
    np.testing.assert_array_equal(several, one)
    normalize = PIECES.tokenizer.normalizer.normalize_str
    assert normalize("it flies by two cats and their fries") == "it fly by two cat and their fry"
    for kept in ("a bus", "a kiss", "an iris", "as it is", "it's this"):
        assert normalize(kept) == kept


def test_no_text_is_too_long_or_strange() -> None:
    strange = ["", "heart " * 1000, "心臓 🫀 \x00", "\u202eheart"]
    tokens = PIECES.encode(strange)
    assert tokens.shape == (4, PIECES.max_length) == (4, 6)
    assert tokens[0, 0] == 1
    assert (tokens < len(PIECES)).all()


def test_the_file_says_all() -> None:
    tokenizer = Tokenizer.from_str(PIECES.json)
    encoded = [encoding.ids for encoding in tokenizer.encode_batch(["red heart", "fire"])]
    np.testing.assert_array_equal(encoded, PIECES.encode(["red heart", "fire"]))
    assert 258 < len(PIECES) <= 290


def test_learning_repeats_itself_in_another_process() -> None:
    code = (
        "import hashlib, sys; from training.text.byte_pairs import BytePairs;"
        f"print(hashlib.sha256(BytePairs.learn({TEXTS[::-1]!r}, 290, 6)"
        ".json.encode()).hexdigest())"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == hashlib.sha256(PIECES.json.encode()).hexdigest()
