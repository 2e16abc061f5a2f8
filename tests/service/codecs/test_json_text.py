"""JSON text: the same values from the quick reader and from the patient one."""

from __future__ import annotations

import math
from typing import Any

import pytest

from service.codecs import json_text
from service.codecs.json_text import parse, plain
from service.errors import InvalidInput


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b'{"a": [1, 2.5, "\\u00e9", null, true]}', {"a": [1, 2.5, "é", None, True]}),
        (b'\xef\xbb\xbf {"a": 1}', {"a": 1}),
        (b'{"a": [18446744073709551615, 123456789012345678901234567890]}', None),
        (b'{"a": 1} and more \xff{"a": 2}', {"a": 1}),
        (b'{"a": [Infinity, -Infinity]}', {"a": [math.inf, -math.inf]}),
        (b"[]", []),
    ],
)
def test_values_are_read(text: bytes, value: Any) -> None:
    expected = {"a": [2**64 - 1, 123456789012345678901234567890]} if value is None else value
    assert plain(parse(text)) == expected


def test_not_a_number_is_read() -> None:
    assert math.isnan(parse(b'{"a": NaN}')["a"])


@pytest.mark.parametrize("rest", [b"", b" and more"])
def test_of_a_name_given_twice_the_first_counts(rest: bytes) -> None:
    assert parse(b'{"a": 1, "b": 2, "a": 3}' + rest)["a"] == 1


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "JSON Parse error: The document is empty"),
        (b" \n", "JSON Parse error: The document is empty"),
        (b'{"a": 1e400}', "Number too big"),
        (b'{"a": [1, 2', "at offset: 11"),
        (b"{'a': 1}", "JSON Parse error: .* at offset: 1"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a":' * 100_000, "nested too deeply"),
        (b"9" * 10_000, "JSON Parse error: "),
        (b"\xff\xfe", "JSON Parse error: "),
    ],
)
def test_what_is_no_json_is_refused(text: bytes, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason) as caught:
        parse(text)
    assert len(caught.value.message) < 300


@pytest.mark.parametrize("rest", [b"", b" and more"])
def test_kinds_are_told_apart(rest: bytes) -> None:
    value = parse(b'{"a": [null, false, true, 1, 1.5, "x", [], {}, {"b64": "eA=="}]}' + rest)
    kinds = [json_text.kind(each) for each in value["a"]]
    assert kinds == [
        *("Null", "False", "True", "Number", "Number"),
        "String",
        "Array",
        *["Object"] * 2,
    ]
    assert [json_text.is_base64(each) for each in value["a"]] == [False] * 8 + [True]
    assert [json_text.is_list(each) for each in value["a"]] == [False] * 6 + [True] + [False] * 2
    assert json_text.is_object(value)


def test_lists_longer_than_simdjson_counts_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_text, "_COUNTED", 5)
    assert isinstance(parse(b"[1,1,1,1,1,1]"), list)
    assert not isinstance(parse(b"[1,1,1,1,1]"), list)


def test_long_values_are_quoted_in_part() -> None:
    assert json_text.shown({"a": ["é", 1]}) == '{"a":["é",1]}'
    assert json_text.shown(parse(b'{"a": [1, 2]}')) == '{"a":[1,2]}'
    assert len(json_text.shown(parse(b"[1" + b",1" * 999 + b"]"))) < 110
