"""Bodies of predict requests, whole and mangled: tensors, or a reason why not."""

from __future__ import annotations

import json
import random
import resource
from typing import Any

import numpy as np
import pytest

from service.errors import InvalidInput, ServiceError
from service.manifest import TensorSpec
from service.protocols.tensorflow_serving.request import Document
from service.protocols.tensorflow_serving.tensors import read_inputs, write_outputs

ONE = {"x": TensorSpec(dtype="float32", shape=(None, 2))}
TWO = {"a": TensorSpec(dtype="string", shape=(None,)), "b": TensorSpec(dtype="int64", shape=None)}


def read(body: Any, specs: dict[str, TensorSpec]) -> dict[str, Any]:
    tensors = read_inputs(Document.read(json.dumps(body).encode()), specs)
    return {name: (array.shape, array.tolist()) for name, array in tensors.items()}


def test_rows_and_columns_are_the_same_tensors() -> None:
    expected: dict[str, Any] = {"x": ((2, 2), [[1, 2], [3, 4]])}
    for body in (
        {"instances": [[1, 2], [3, 4]]},
        {"instances": [{"x": [1, 2]}, {"x": [3, 4]}]},
        {"inputs": [[1, 2], [3, 4]]},
        {"inputs": {"x": [[1, 2], [3, 4]]}},
    ):
        assert read(body, ONE) == expected
    rows = [{"a": "p", "b": [[1, 2]]}, {"b": [[3, 4]], "a": {"b64": "cQ=="}}]
    columns = {"a": ["p", "q"], "b": [[[1, 2]], [[3, 4]]]}
    expected = {"a": ((2,), [b"p", b"q"]), "b": ((2, 1, 2), [[[1, 2]], [[3, 4]]])}
    assert read({"instances": rows}, TWO) == read({"inputs": columns}, TWO) == expected


def test_a_signature_without_inputs_takes_no_values() -> None:
    assert read({"inputs": {}}, {}) == read({"instances": [{}]}, {}) == {}
    for body in ({"inputs": [1]}, {"instances": [1]}):
        with pytest.raises(InvalidInput):
            read(body, {})


def test_a_list_elsewhere_in_the_document_does_not_mislead() -> None:
    for other in ([1], "]]", ",,[[", {"x": [[1]]}):
        for body in (
            {"other": other, "instances": [[1, 2], [3, 4]]},
            {"instances": [[1, 2], [3, 4]], "other": other},
        ):
            assert read(body, ONE) == {"x": ((2, 2), [[1, 2], [3, 4]])}
        with pytest.raises(InvalidInput):
            read({"other": other, "instances": [[1, 2], [3]]}, ONE)


def test_mangled_bodies_are_read_or_refused_and_nothing_else() -> None:
    noise = random.Random(0)
    whole = json.dumps(
        {
            "signature_name": "s",
            "instances": [{"a": "p", "b": [[1, 2]]}, {"b": [[3, 4.5e3]], "a": {"b64": "cQ=="}}],
            "inputs": [[1, -2, None, True], {}, "text", []],
        }
    ).encode()
    for _ in range(4000):
        body = bytearray(whole)
        for _ in range(noise.randrange(1, 8)):
            start = noise.randrange(len(body))
            stuff = noise.choice(
                [b"", b"[", b"]", b"{", b"}", b",", b'"', b"NaN", b"1e999", b"\xff"]
            )
            body[start : start + noise.randrange(30)] = stuff
        for specs in (ONE, TWO):
            try:
                tensors = read_inputs(Document.read(bytes(body)), specs)
            except ServiceError as error:
                assert error.message
            else:
                assert tensors.keys() == specs.keys()


def test_answers_in_rows_need_as_many_of_each_output() -> None:
    outputs: dict[str, np.ndarray[Any, Any]] = {
        "y": np.ones(2, np.float32),
        "z": np.ones((3, 1), np.int32),
    }
    with pytest.raises(InvalidInput) as caught:
        write_outputs(outputs, by_rows=True)
    assert caught.value.message == "Tensor name: z has inconsistent batch size: 3 expecting: 2"
    columns = json.loads(write_outputs(outputs, by_rows=False))
    assert columns == {"outputs": {"y": [1.0, 1.0], "z": [[1], [1], [1]]}}


def test_many_rows_of_several_outputs_take_little_more_memory_than_their_text() -> None:
    rows: np.ndarray[Any, Any] = np.arange(20_000, dtype=np.int32)
    outputs: dict[str, np.ndarray[Any, Any]] = {"y": rows, "z": rows[:, None]}
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    text = write_outputs(outputs, by_rows=True)
    grown_mb = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    expected = [{"y": index, "z": [index]} for index in range(len(rows))]
    assert json.loads(text) == {"predictions": expected}
    assert grown_mb < 60
    nothing = {name: array[:0] for name, array in outputs.items()}
    assert json.loads(write_outputs(nothing, by_rows=True)) == {"predictions": []}


def test_answers_name_their_outputs_where_there_are_several() -> None:
    one: dict[str, np.ndarray[Any, Any]] = {"y_bytes": np.array([b"\xff", b"a"], object)}
    assert json.loads(write_outputs(one, by_rows=True)) == {
        "predictions": [{"b64": "/w=="}, {"b64": "YQ=="}]
    }
    two: dict[str, np.ndarray[Any, Any]] = {
        "y": np.array([0.1, np.nan], np.float32),
        "n": np.array([1, 2], np.uint64),
    }
    text = write_outputs(two, by_rows=True)
    assert text == b'{"predictions":[{"y":0.1,"n":1},{"y":NaN,"n":2}]}'
