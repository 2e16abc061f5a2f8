"""Texts to tokens: what is kept, what is refused and how that is said."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from service.errors import InvalidExport, InvalidInput
from service.manifest import TextInput
from service.preprocessing.tokenizer import Tokenizer, Tokens
from tests.exports_encoder import WORDS, tokenizer_json

TEXT = TextInput(max_length=6)


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer(tokenizer_json(), TEXT)


def _words(tokens: Tokens | InvalidInput) -> list[str]:
    assert not isinstance(tokens, InvalidInput), tokens
    assert tokens.dtype == np.int32
    return [WORDS[token] for token in tokens]


def test_special_tokens_are_put_in_and_nothing_is_padded(tokenizer: Tokenizer) -> None:
    short, longer = tokenizer.encode(["Red", "a photo of Blue"])
    assert _words(short) == ["[CLS]", "red", "[SEP]"]
    assert _words(longer) == ["[CLS]", "a", "photo", "of", "blue", "[SEP]"]
    assert tokenizer.vocabulary_size == len(WORDS)


def test_what_is_too_long_is_refused_with_its_tokens_or_cut_before_the_last(
    tokenizer: Tokenizer,
) -> None:
    long = "red green blue yellow white"
    [refused] = tokenizer.encode([long])
    assert isinstance(refused, InvalidInput)
    assert "has 7 tokens and the model takes 6" in refused.message
    assert '"truncate": true' in refused.message
    [kept] = tokenizer.encode([long], truncate=True)
    assert _words(kept) == ["[CLS]", "red", "green", "blue", "yellow", "[SEP]"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is empty"),
        ("a \ud83d b", r"half a surrogate pair \(U\+D83D\) stands at character 2"),
        ("\udc00", r"U\+DC00"),
    ],
)
def test_what_is_no_text_is_refused_beside_the_others(
    tokenizer: Tokenizer, text: str, reason: str
) -> None:
    red, refused, blue = tokenizer.encode(["red", text, "blue"])
    assert (_words(red)[1], _words(blue)[1]) == ("red", "blue")
    with pytest.raises(InvalidInput, match=reason):
        raise refused if isinstance(refused, InvalidInput) else AssertionError(refused)


@pytest.mark.parametrize(
    "text", [" ", "\x00", "שלום עולם", "😀" * 10_000, "🏳️‍🌈", "\u202ered\u202c"]
)
def test_strange_texts_are_read(tokenizer: Tokenizer, text: str) -> None:
    [tokens] = tokenizer.encode([text], truncate=True)
    assert _words(tokens)[0] == "[CLS]"


def test_a_megabyte_is_counted(tokenizer: Tokenizer) -> None:
    [refused] = tokenizer.encode(["red " * 250_000])
    assert isinstance(refused, InvalidInput)
    assert "250002 tokens" in refused.message


def test_more_than_a_megabyte_is_not_read(tokenizer: Tokenizer) -> None:
    red, refused, blue = tokenizer.encode(["red", "r" * 1_000_001, "blue"], truncate=True)
    assert (_words(red)[1], _words(blue)[1]) == ("red", "blue")
    assert isinstance(refused, InvalidInput)
    assert "has 1000001 characters, and 1000000 are read at most" in refused.message


def test_many_large_texts_are_read_in_their_order(tokenizer: Tokenizer) -> None:
    texts = [f"{word} " + "a" * 400_000 for word in WORDS[4:9]]
    assert [_words(each)[1] for each in tokenizer.encode(texts)] == list(WORDS[4:9])


def test_what_tokenizer_json_says_of_cutting_and_padding_is_not_heeded() -> None:
    trained = json.loads(tokenizer_json())
    trained["truncation"] = {
        "direction": "Right",
        "max_length": 4,
        "strategy": "LongestFirst",
        "stride": 0,
    }
    trained["padding"] = {
        "strategy": {"Fixed": 6},
        "direction": "Right",
        "pad_to_multiple_of": None,
        "pad_id": 0,
        "pad_type_id": 0,
        "pad_token": "[PAD]",
    }
    tokenizer = Tokenizer(json.dumps(trained), TEXT)
    red, longer = tokenizer.encode(["red", "a photo of red"])
    assert (len(_words(red)), len(_words(longer))) == (3, 6)


@pytest.mark.parametrize(
    ("tokens", "reason"),
    [
        ([], "no tokens"),
        ([2, 99, 3], "from 2 to 99, and the model's from 0 to 14"),
        ([-1], "from -1 to -1"),
        ([4] * 7, "there are 7 tokens and the model takes 6"),
    ],
)
def test_tokens_of_another_model_are_refused(
    tokenizer: Tokenizer, tokens: list[int], reason: str
) -> None:
    refused = tokenizer.check(np.array(tokens, np.int32))
    assert isinstance(refused, InvalidInput)
    assert reason in refused.message


def test_a_tokenizer_that_is_missing_or_broken_is_no_export(tmp_path: Path) -> None:
    with pytest.raises(InvalidExport, match=r"tokenizer\.json, by which .* cannot be read"):
        Tokenizer.read(tmp_path, TEXT)
    with pytest.raises(InvalidExport, match=r"tokenizer\.json cannot be read: "):
        Tokenizer("{}", TEXT)
    with pytest.raises(InvalidExport, match=r"pads texts with the token 15, and .* has 15"):
        Tokenizer(tokenizer_json(), TextInput(max_length=6, padding=15))
