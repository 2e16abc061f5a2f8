"""What an inference asks, understood from its body; what is wrong with it, said."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from service.errors import InvalidInput
from service.protocols.open_inference.request import Requested, read


def _body(**changes: Any) -> dict[str, Any]:
    tensor = {"name": "x", "shape": [2, 2], "datatype": "FP32", "data": [1, 2.5, 3, 4]}
    return {"inputs": [tensor | changes.pop("tensor", {})]} | changes


def _read(body: Any, blobs: bytes = b"", length: str = "") -> Any:
    text = json.dumps(body).encode()
    return read(text + blobs, length or (str(len(text)) if blobs else ""))


@pytest.mark.parametrize("data", [[1, 2.5, 3, 4], [[1, 2.5], [3, 4]]])
def test_numbers_come_flat_or_nested(data: Any) -> None:
    asked = _read(_body(tensor={"data": data}))
    np.testing.assert_array_equal(asked.inputs["x"], np.array([[1, 2.5], [3, 4]], np.float32))
    assert asked.inputs["x"].dtype == np.float32


def test_every_kind_of_element_comes_as_json() -> None:
    tensors = [
        {"name": "b", "shape": [2], "datatype": "BOOL", "data": [True, False]},
        {"name": "s", "shape": [1, 2], "datatype": "BYTES", "data": [["a", "ü"]]},
        {"name": "h", "shape": [1], "datatype": "FP16", "data": [0.1]},
        {"name": "u", "shape": [1], "datatype": "UINT64", "data": [2**64 - 1]},
        {"name": "none", "shape": [0, 3], "datatype": "INT8", "data": []},
    ]
    inputs = _read({"inputs": tensors}).inputs
    assert inputs["b"].tolist() == [True, False]
    assert inputs["s"].tolist() == [[b"a", "ü".encode()]]
    assert inputs["h"][0] == np.float16(0.1)
    assert inputs["u"].tolist() == [2**64 - 1]
    assert inputs["none"].shape == (0, 3)


def test_json_and_binary_tensors_mix_in_the_order_of_the_inputs() -> None:
    def binary(name: str, datatype: str, size: int) -> dict[str, Any]:
        parameters = {"binary_data_size": size}
        return {"name": name, "shape": [2], "datatype": datatype, "parameters": parameters}

    plain = {"name": "b", "shape": [1], "datatype": "INT32", "data": [7]}
    body = {"inputs": [binary("a", "INT16", 4), plain, binary("c", "BYTES", 11)]}
    strings = b"\x01\x00\x00\x00a\x02\x00\x00\x00bc"
    inputs = _read(body, np.array([1, -2], "<i2").tobytes() + strings).inputs
    assert inputs["a"].tolist() == [1, -2]
    assert inputs["b"].tolist() == [7]
    assert inputs["c"].tolist() == [b"a", b"bc"]


def test_an_output_s_own_wish_wins_over_the_request_s() -> None:
    outputs = [
        {"name": "p"},
        {"name": "q", "parameters": {"binary_data": False}},
        {"name": "r", "parameters": {"binary_data": True, "classification": 3}},
    ]
    asked = _read(_body(parameters={"binary_data_output": True}, outputs=outputs))
    assert asked.binary
    assert asked.outputs == (
        Requested("p", True, 0),
        Requested("q", False, 0),
        Requested("r", True, 3),
    )
    asked = _read(_body())
    assert not asked.binary
    assert asked.outputs is None


def test_parameters_are_understood_and_unknown_ones_left_alone() -> None:
    parameters = {"priority": 2, "timeout": 1500, "signature_name": "mix", "mine": "x"}
    asked = _read(_body(id="42", parameters=parameters | {"sequence_id": 0}))
    assert (asked.id, asked.priority, asked.timeout_s) == ("42", 2, 0.0015)
    assert asked.signature == "mix"
    asked = _read(_body(parameters={"timeout": 0}))
    assert (asked.id, asked.priority, asked.timeout_s, asked.signature) == ("", 0, None, None)


def test_a_raw_request_is_left_to_the_model() -> None:
    assert read(b"\x00\x01", "0").inputs is None


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ([], "a JSON object; got Array"),
        ({}, "a list of one tensor or more"),
        ({"inputs": []}, "a list of one tensor or more"),
        ({"inputs": [1]}, "an input is an object; got Number"),
        (_body(tensor={"name": 3}), "'name' of an input is a string; got 3"),
        (_body(tensor={"shape": [-1]}), "integers from 0"),
        (_body(tensor={"shape": [2.0]}), "integers from 0"),
        (_body(tensor={"datatype": "FP33"}), "input 'x': 'FP33' is no datatype"),
        (_body(tensor={"shape": [3, 2]}), "takes 6 elements; 'data' has 4"),
        (_body(tensor={"shape": [2**40, 2**40]}), "'data' has 4"),
        (_body(tensor={"data": [1, "2", 3, 4]}), "input 'x': "),
        (_body(tensor={"data": "abcd"}), "neither a list 'data'"),
        (_body(tensor={"parameters": {"binary_data_size": 16}}), "send one of them"),
        (
            _body(tensor={"data": None, "parameters": {"binary_data_size": 16}}),
            "Inference-Header-Content-Length says where",
        ),
        (_body(tensor={"parameters": {"shared_memory_region": "r"}}), "not offered"),
        (_body(inputs=_body()["inputs"] * 2), "there twice"),
        (_body(outputs=[{"name": "y"}] * 2), "there twice"),
        (_body(outputs=["y"]), "objects with a 'name'"),
        (_body(parameters=[1]), "are an object"),
        (_body(parameters={"priority": -1}), "'priority' is an integer from 0; got -1"),
        (_body(parameters={"timeout": 1.5}), "'timeout' is an integer"),
        (_body(parameters={"binary_data_output": 1}), "true or false"),
        (_body(parameters={"sequence_id": 7}), "keeps state"),
        (_body(parameters={"sequence_id": "s"}), "keeps state"),
        (_body(id=5), "'id' of the request is a string"),
        (_body(id="\ud800"), "half a character"),
        (_body(tensor={"name": "\ud800"}), "half a character"),
    ],
)
def test_what_is_wrong_is_said(body: Any, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        _read(body)


@pytest.mark.parametrize(
    ("body", "length", "message"),
    [
        (b"{", "", "JSON"),
        (b"", "", "JSON"),
        (b"{}", "two", "a number of bytes"),
        (b"{}", "-1", "a number of bytes"),
        (b"{}", "3", "says 3 bytes of JSON; the body has 2"),
    ],
)
def test_what_is_no_inference_is_said(body: bytes, length: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        read(body, length)


def test_binary_data_is_neither_short_nor_left_over() -> None:
    tensor = {"data": None, "parameters": {"binary_data_size": 16}}
    with pytest.raises(InvalidInput, match="15 bytes of binary data"):
        _read(_body(tensor=tensor), bytes(15))
    with pytest.raises(InvalidInput, match="1 bytes of binary data belong to no input"):
        _read(_body(tensor=tensor), bytes(17))


@pytest.mark.parametrize("place", ["shape", "data", "parameters"])
@pytest.mark.parametrize("depth", [70, 1000, 100_000])
def test_what_is_nested_endlessly_is_refused(place: str, depth: int) -> None:
    text = json.dumps(_body(tensor={place: "here"}))
    with pytest.raises(InvalidInput):
        read(text.replace('"here"', "[" * depth + "]" * depth).encode(), "")
