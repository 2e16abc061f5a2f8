"""Tensors in JSON: shapes by nesting, numbers by strict rules, the same read quickly or slowly."""

from __future__ import annotations

import itertools
import json
import math
from typing import Any

import numpy as np
import orjson
import pytest

from service.codecs.json_tensors import flat, rendered, tensor
from service.codecs.json_text import parse
from service.errors import InvalidInput
from service.manifest import DType

WAYS = ("views", "text", "lists")
"""With simdjson's views, with the text beside them, with Python's own lists."""


def read(text: str, dtype: DType, way: str) -> np.ndarray[Any, Any]:
    document = f'{{"signature_name": "a", "x": {text}, "z": 1}}'.encode()
    if way == "lists":
        return tensor(parse(document + b" and more")["x"], dtype)
    return tensor(parse(document)["x"], dtype, document if way == "text" else b"")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("text", "dtype", "value"),
    [
        ("[[1, 2.5], [-3e2, 4]]", "float32", [[1, 2.5], [-300, 4]]),
        ("[1, 9007199254740991]", "float64", [1, 9007199254740991]),
        ("[-16777215, 16777215]", "float32", [-16777215, 16777215]),
        ("[1435774380]", "float32", [1435774336]),
        ("[9007199254740993]", "float64", [9007199254740992]),
        ("[1e39, -1.79769e+308]", "float32", [math.inf, -math.inf]),
        ('[{"b64": "aGVs\\nbG8="}]', "string", [b"hello"]),
        ("[3.4028235e+38, 1e-400]", "float32", [np.finfo(np.float32).max, 0]),
        ("[[[7]]]", "uint8", [[[7]]]),
        ("[0, 255]", "uint8", [0, 255]),
        ("[-128, 127]", "int8", [-128, 127]),
        ("[-32768, 32767]", "int16", [-32768, 32767]),
        ("[-2147483648, 2147483647]", "int32", [-(2**31), 2**31 - 1]),
        ("[-9223372036854775808, 9223372036854775807]", "int64", [-(2**63), 2**63 - 1]),
        ("[9007199254740993]", "int64", [9007199254740993]),
        ("[0, 4294967295]", "uint32", [0, 2**32 - 1]),
        ("[0, 18446744073709551615]", "uint64", [0, 2**64 - 1]),
        ("[[true], [false]]", "bool", [[True], [False]]),
        ('["a", {"b64": "AP8="}, "\\u00e9"]', "string", [b"a", b"\x00\xff", "é".encode()]),
        ('[{"b64": "YWI"}]', "string", [b"ab"]),
        ("5", "float32", 5.0),
        ('{"b64": "YWI="}', "string", b"ab"),
        ("[]", "float32", []),
        ("[[], []]", "int32", [[], []]),
        ("[0.5, 65504]", "float16", [0.5, 65504]),
        ("[1.5, 2]", "bfloat16", [1.5, 2]),
    ],
)
def test_values_are_read_exactly(text: str, dtype: DType, value: Any, way: str) -> None:
    if text == "[0.5, 65504]":
        text = "[0.5, 65504.0]"  # as an integer it has more digits than the type
    array = read(text, dtype, way)
    assert array.dtype.name == ("object" if dtype == "string" else dtype)
    assert (
        array.shape == np.shape(np.empty_like(np.array(value, object), object)) or dtype == "string"
    )
    assert array.tolist() == value


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("text", "dtype", "reason"),
    [
        ("[1, 2.0]", "int32", "JSON Value: 2.0 Type: Number is not of expected type: int32"),
        ("[1, 2.0]", "uint64", "JSON Value: 2.0 Type: Number is not of expected type: uint64"),
        ("[256]", "uint8", "JSON Value: 256 Type: Number is not of expected type: uint8"),
        ("[-1]", "uint8", "JSON Value: -1 Type: Number"),
        ("[-1]", "uint64", "JSON Value: -1 Type: Number"),
        ("[9223372036854775808]", "int64", "JSON Value: 9223372036854775808 Type: Number"),
        ("[2147483648]", "int32", "JSON Value: 2147483648 Type: Number"),
        ("[1, true]", "int32", "JSON Value: true Type: True is not of expected type: int32"),
        ("[1, false]", "float32", "JSON Value: false Type: False is not of expected type: float"),
        ("[1, null]", "float64", "JSON Value: null Type: Null is not of expected type: double"),
        ('[1, "2"]', "float32", 'JSON Value: "2" Type: String is not of expected type: float'),
        ("[1, {}]", "float32", "JSON Value: {} Type: Object is not of expected type: float"),
        ("[1, 0]", "bool", "JSON Value: 1 Type: Number is not of expected type: bool"),
        ("[1]", "string", "JSON Value: 1 Type: Number is not of expected type: string"),
        ('[{"b64": "?"}]', "string", "Unable to base64 decode"),
        ('[{"b64": 1}]', "string", "not formatted correctly for base64 data"),
        ('[{"b64": "", "c": 1}]', "string", "not formatted correctly for base64 data"),
        ("[[1], [2, 3]]", "float32", "list at unexpected size: 2 at level: 1 expected size: 1"),
        ("[[1], [[2]]]", "float32", "Encountered list at unexpected level: 2 expected < 2"),
        ("[[1], 2]", "float32", "JSON Value: 2 found at incorrect level: 2 in the JSON DOM."),
        ("[1, [2]]", "float32", "Encountered list at unexpected level: 1 expected < 1"),
        ("[[1], []]", "int32", "list at unexpected size: 0 at level: 1 expected size: 1"),
        ("[[], [1]]", "int32", "list at unexpected size: 1 at level: 1 expected size: 0"),
        ("[[1, 2], [3], [4, 5, 6]]", "int32", "unexpected size: 1 at level: 1 expected size: 2"),
        ("[" * 70 + "1" + "]" * 70, "int32", "at most 64 axes"),
        ("[" * 70 + '"1"' + "]" * 70, "string", "at most 64 axes"),
    ],
)
def test_what_is_not_of_the_type_is_refused(text: str, dtype: DType, reason: str, way: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read(text, dtype, way)
    assert reason in caught.value.message


@pytest.mark.parametrize("way", WAYS)
def test_any_nesting_is_read_as_numpy_would_or_refused(way: str) -> None:
    # All ways to nest up to four numbers in two levels of lists, ragged and not.
    leaves = ("1", "[]", "[2]", "[3,4]", "[[5]]")
    for count in range(4):
        for parts in itertools.product(leaves, repeat=count):
            text = f"[{','.join(parts)}]"
            try:
                expected = np.array(json.loads(text), np.int64)
            except ValueError:
                with pytest.raises(InvalidInput):
                    read(text, "int64", way)
            else:
                array = read(text, "int64", way)
                assert array.shape == expected.shape, text
                assert (array == expected).all()


@pytest.mark.parametrize(
    "shape", [(2, 3, 4), (1, 8, 8, 3), (5, 1), (1, 5), (0,), (3, 0), (1,) * 64]
)
def test_images_are_read_whole(shape: tuple[int, ...]) -> None:
    array = np.random.default_rng(0).random(shape, np.float32)
    text = json.dumps(array.tolist())
    for way in WAYS:
        read_back = read(text, "float32", way)
        assert read_back.shape == shape
        assert (read_back == array).all()


def test_infinity_and_not_a_number_are_read() -> None:
    assert read("[1, Infinity, -Infinity]", "float32", "views").tolist() == [1, math.inf, -math.inf]
    assert math.isnan(read("NaN", "float64", "views"))


@pytest.mark.parametrize("rest", [b"", b" and more"])
@pytest.mark.parametrize(
    ("text", "dtype", "values"),
    [
        (b"[[1, 2], [3, 4]]", "uint8", [1, 2, 3, 4]),
        (b"[1, [2, [3.5]]]", "float32", [1, 2, 3.5]),
        (b"[16777217]", "float32", [16777216]),
        (b'[["a"], "b"]', "string", [b"a", b"b"]),
        (b"[[true], [false]]", "bool", [True, False]),
        (b"7", "int8", [7]),
        (b"[]", "int8", []),
    ],
)
def test_flat_takes_any_nesting(text: bytes, dtype: DType, values: list[Any], rest: bytes) -> None:
    array = flat(parse(text + rest), dtype)
    assert array.shape == (len(values),)
    assert array.tolist() == values


def test_flat_refuses_wrong_elements_and_endless_nesting() -> None:
    with pytest.raises(InvalidInput, match="JSON Value: 300 Type: Number"):
        flat(parse(b"[[1], [300]]"), "uint8")
    with pytest.raises(InvalidInput, match="1e\\+39 to float"):
        flat(parse(b"[1e39]"), "float32")
    with pytest.raises(InvalidInput, match="at most 64 axes"):
        flat(parse(b"[" * 500 + b'"a"' + b"]" * 500), "string")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("read", [flat, tensor])
def test_integers_past_any_decimal_are_refused(read: Any, dtype: DType) -> None:
    with pytest.raises(InvalidInput, match="without loss of precision"):
        read(parse(b"[-" + b"9" * 400 + b"]"), dtype)


@pytest.mark.parametrize(
    ("array", "text"),
    [
        (np.array([0.1, 1435774380, -3e20], np.float32), "[0.1,1435774336.0,-3e+20]"),
        (np.array([[0.1, 1], [2.5, 16777216]], np.float32), "[[0.1,1.0],[2.5,16777216.0]]"),
        (np.array(0.2, np.float32), "0.2"),
        (np.array([0.1], np.float64), "[0.1]"),
        (np.array([math.nan, 1, math.inf, -math.inf], np.float32), "[NaN,1.0,Infinity,-Infinity]"),
        (np.array(math.nan), "NaN"),
        (np.array([0.5], np.float16), "[0.5]"),
        (np.array([[1], [2]], np.int8).T, "[[1,2]]"),
        (np.array([2**64 - 1], np.uint64), "[18446744073709551615]"),
        (np.array([True, False]), "[true,false]"),
        (np.zeros((2, 0), np.float32), "[[],[]]"),
        (np.zeros((0, 2), np.float32), "[]"),
        (np.array([b"a", "é".encode()], object), '["a","é"]'),
        (np.array([b"\xff"], object), '[{"b64":"/w=="}]'),
        (np.array(b"a", object), '"a"'),
    ],
)
def test_tensors_are_rendered(array: np.ndarray[Any, Any], text: str) -> None:
    assert orjson.dumps(rendered(array)).decode() == text


def test_bytes_are_rendered_as_base64() -> None:
    text = orjson.dumps(rendered(np.array([[b"ab"]], object), as_base64=True))
    assert text == b'[[{"b64":"YWI="}]]'


def test_what_is_rendered_is_read_back_exactly() -> None:
    array = np.random.default_rng(0).standard_normal((50, 7)).astype(np.float32) * 1e30
    text = orjson.dumps({"x": rendered(array)})
    values = np.array(json.loads(text)["x"], np.float32)
    assert (values == array).all()
