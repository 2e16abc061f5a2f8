"""Inference over HTTP against a running server: the wire itself, Triton's clients, KServe's."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import ml_dtypes
import numpy as np
import pytest
import tritonclient.http as triton
import tritonclient.http.aio as triton_aio
from tritonclient.utils import InferenceServerException

from tests import ROOT, triton_models
from tests.exports import write_classifier, write_mixer
from tests.server import Server

X = np.arange(16, dtype=np.int32).reshape(1, 16)
ONES = np.ones((1, 16), np.int32)
LENGTH = "Inference-Header-Content-Length"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("models")
    for name in ("half_plus_two", "simple", "simple_string", "simple_identity", "every_type"):
        getattr(triton_models, f"write_{name}")(folder / name / "1")
    _write_ours(folder)
    with Server(MODELS_DIR=folder, MAX_BODY_BYTES=2_000_000) as running:
        yield running


def _write_ours(folder: Path) -> None:
    write_classifier(folder / "shade" / "3")
    write_mixer(folder / "mixer" / "1")


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[triton.InferenceServerClient]:
    with triton.InferenceServerClient(server.url.removeprefix("http://"), concurrency=4) as client:
        yield client


def _input(name: str, array: np.ndarray, datatype: str, *, binary: bool = True) -> Any:
    given = triton.InferInput(name, list(array.shape), datatype)
    return given.set_data_from_numpy(array, binary_data=binary)


def _pair(dtype: str = "INT32", *, binary: bool = True) -> list[Any]:
    arrays = [X, ONES]
    if dtype == "BYTES":
        arrays = [np.array([[str(n) for n in array[0]]], object) for array in arrays]
    return [_input(f"INPUT{i}", array, dtype, binary=binary) for i, array in enumerate(arrays)]


def _infer(server: Server, model: str, body: dict[str, Any], **headers: str) -> httpx.Response:
    content = json.dumps(body).encode()
    return server.client.post(f"/v2/models/{model}/infer", content=content, headers=headers)


def _tensor(name: str, datatype: str, shape: list[int], data: Any) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": shape, "data": data}


# The wire


def test_half_plus_two_answers_as_it_does_everywhere(server: Server) -> None:
    body = {"id": "7", "inputs": [_tensor("x", "FP32", [3], [1.0, 2, 5.0])]}
    reply = _infer(server, "half_plus_two", body)
    assert reply.status_code == 200
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["x-model-name"] == "half_plus_two"
    assert reply.headers["x-model-version"] == "1"
    assert reply.json() == {
        "model_name": "half_plus_two",
        "model_version": "1",
        "id": "7",
        "outputs": [_tensor("y", "FP32", [3], [2.5, 3.0, 4.5])],
    }


def test_a_raw_request_is_the_tensor_and_so_is_its_answer(server: Server) -> None:
    raw = np.array([1, 2, 5], np.float32).tobytes()
    url = "/v2/models/half_plus_two/versions/1/infer"
    reply = server.client.post(url, content=raw, headers={LENGTH: "0"})
    assert reply.headers["content-type"] == "application/octet-stream"
    head = json.loads(reply.content[: int(reply.headers[LENGTH])])
    assert head["outputs"][0]["parameters"] == {"binary_data_size": 12}
    numbers = np.frombuffer(reply.content[int(reply.headers[LENGTH]) :], np.float32)
    assert numbers.tolist() == [2.5, 3.0, 4.5]
    reply = server.client.post("/v2/models/simple/infer", content=raw, headers={LENGTH: "0"})
    assert reply.status_code == 400
    assert "INPUT0, INPUT1" in reply.json()["error"]


def test_an_image_as_a_raw_request_is_classified(server: Server) -> None:
    raw = np.full((8, 8, 1), 250, np.uint8).tobytes()
    reply = server.client.post("/v2/models/shade/infer", content=raw, headers={LENGTH: "0"})
    head = json.loads(reply.content[: int(reply.headers[LENGTH])])
    assert head["outputs"][0]["shape"] == [1, 3]
    scores = np.frombuffer(reply.content[int(reply.headers[LENGTH]) :], np.float32)
    assert scores.argmax() == 2


@pytest.mark.parametrize(
    ("encoding", "compress"), [("gzip", gzip.compress), ("deflate", zlib.compress)]
)
def test_bodies_are_compressed_both_ways(server: Server, encoding: str, compress: Any) -> None:
    body = json.dumps({"inputs": [_tensor("x", "FP32", [2000], [1.0] * 2000)]}).encode()
    headers = {"Content-Encoding": encoding, "Accept-Encoding": encoding}
    url = "/v2/models/half_plus_two/infer"
    reply = server.client.post(url, content=compress(body), headers=headers)
    assert reply.headers["content-encoding"] == encoding
    assert int(reply.headers["content-length"]) < 1000
    assert reply.json()["outputs"][0]["data"] == [2.5] * 2000


def test_numbers_are_compressed_for_those_alone_who_insist(server: Server) -> None:
    raw = np.ones(2000, np.float32).tobytes()
    for accept, encoding in (("gzip, deflate", None), ("br", None), ("gzip", "gzip")):
        headers = {LENGTH: "0", "Accept-Encoding": accept}
        reply = server.client.post("/v2/models/half_plus_two/infer", content=raw, headers=headers)
        assert reply.headers.get("content-encoding") == encoding
        assert reply.content[int(reply.headers[LENGTH]) :] == np.full(2000, 2.5, "<f4").tobytes()
    inputs = [_tensor("x", "FP32", [2000], [1.0] * 2000)]
    reply = _infer(server, "half_plus_two", {"inputs": inputs}, **{"Accept-Encoding": "br, gzip"})
    assert reply.headers["content-encoding"] == "gzip"


def test_a_bomb_is_refused(server: Server) -> None:
    headers = {"Content-Encoding": "gzip"}
    content = gzip.compress(bytes(50_000_000))
    reply = server.client.post("/v2/models/simple/infer", content=content, headers=headers)
    assert reply.status_code == 413
    assert "2000000" in reply.json()["error"]


def test_numbers_that_are_none_come_back_as_they_went(server: Server) -> None:
    content = b'{"inputs":[{"name":"x","datatype":"FP32","shape":[2],"data":[NaN,-Infinity]}]}'
    reply = server.client.post("/v2/models/half_plus_two/infer", content=content)
    assert b"[NaN,-Infinity]" in reply.content


def test_the_signature_is_chosen_by_a_parameter(server: Server) -> None:
    inputs = [_tensor("a", "FP32", [1, 2], [[1, 2]]), _tensor("b", "FP32", [1, 1], [3])]
    outputs = [{"name": "mean"}, {"name": "total"}]
    body = {"inputs": inputs, "outputs": outputs}
    reply = _infer(server, "mixer", body | {"parameters": {"signature_name": "mix"}})
    assert reply.json()["outputs"] == [
        _tensor("mean", "FP32", [], [4.5]),
        _tensor("total", "FP32", [1, 2], [4.0, 5.0]),
    ]
    reply = _infer(server, "mixer", body | {"parameters": {"signature_name": "stir"}})
    assert reply.status_code == 400
    assert "'stir'" in reply.json()["error"]


def test_an_export_of_ours_checks_shapes_and_leaves_those_of_others_to_their_graph(
    server: Server,
) -> None:
    inputs = [_tensor("a", "FP32", [1, 3], [[1, 2, 3]]), _tensor("b", "FP32", [1, 1], [3])]
    reply = _infer(server, "mixer", {"inputs": inputs})
    assert reply.status_code == 400
    assert "got float32 [1, 3]" in reply.json()["error"]
    reply = _infer(server, "half_plus_two", {"inputs": [_tensor("x", "FP32", [2, 1], [1, 2])]})
    assert reply.json()["outputs"] == [_tensor("y", "FP32", [2, 1], [2.5, 3.0])]


@pytest.mark.parametrize(
    ("model", "changes", "status", "message"),
    [
        ("half_plus_three", {}, 404, "there is no model 'half_plus_three'"),
        ("half_plus_two/versions/9", {}, 404, "not 9"),
        ("half_plus_two", {"datatype": "FP64"}, 400, "float32 \\[any\\]; got float64"),
        ("half_plus_two", {"datatype": "BF16"}, 400, "float32 \\[any\\]; got bfloat16"),
        ("half_plus_two", {"name": "z"}, 400, "the tensors are x; got z"),
        ("half_plus_two", {"data": [1, None]}, 400, "input 'x': "),
        ("every_type", {"name": "bool"}, 400, "the tensors are "),
    ],
)
def test_what_cannot_be_answered_is_explained(
    server: Server, model: str, changes: dict[str, Any], status: int, message: str
) -> None:
    reply = _infer(server, model, {"inputs": [_tensor("x", "FP32", [2], [1, 2]) | changes]})
    assert reply.status_code == status
    assert list(reply.json()) == ["error"]
    assert re.search(message, reply.json()["error"])


def test_a_name_asked_of_a_model_must_be_one_of_its_outputs(server: Server) -> None:
    body = {"inputs": [_tensor("x", "FP32", [1], [1])], "outputs": [{"name": "z"}]}
    reply = _infer(server, "half_plus_two", body)
    assert reply.status_code == 400
    assert "no output 'z'" in reply.json()["error"]


def test_a_request_that_cannot_be_answered_in_time_is_unavailable(server: Server) -> None:
    body = {"inputs": [_tensor("x", "FP32", [1], [1])], "parameters": {"timeout": 1}}
    reply = _infer(server, "half_plus_two", body)
    assert reply.status_code == 503
    assert "no answer within" in reply.json()["error"]


# Triton's clients


@pytest.mark.parametrize("binary", [True, False])
def test_triton_s_simple_adds_and_subtracts(
    client: triton.InferenceServerClient, binary: bool
) -> None:
    outputs = [triton.InferRequestedOutput(f"OUTPUT{i}", binary_data=binary) for i in (1, 0)]
    result = client.infer("simple", _pair(binary=binary), outputs=outputs, request_id="a b")
    assert [each["name"] for each in result.get_response()["outputs"]] == ["OUTPUT1", "OUTPUT0"]
    assert result.get_response()["id"] == "a b"
    np.testing.assert_array_equal(result.as_numpy("OUTPUT0"), X + 1)
    np.testing.assert_array_equal(result.as_numpy("OUTPUT1"), X - 1)


@pytest.mark.parametrize("binary", [True, False])
def test_triton_s_simple_string_does_it_with_strings(
    client: triton.InferenceServerClient, binary: bool
) -> None:
    outputs = [triton.InferRequestedOutput("OUTPUT0", binary_data=binary)]
    result = client.infer("simple_string", _pair("BYTES", binary=binary), outputs=outputs)
    said = [int(text) for text in result.as_numpy("OUTPUT0")[0]]
    assert said == (X + 1)[0].tolist()


def test_any_bytes_come_back_as_they_went(client: triton.InferenceServerClient) -> None:
    texts = np.array([[b"\xff\x00", b""], ["ü".encode(), b"\x00"]], object)
    result = client.infer("simple_identity", [_input("INPUT0", texts, "BYTES")])
    np.testing.assert_array_equal(result.as_numpy("OUTPUT0"), texts)
    in_json = [triton.InferRequestedOutput("OUTPUT0", binary_data=False)]
    with pytest.raises(InferenceServerException, match="ask for it with the parameter binary_data"):
        client.infer("simple_identity", [_input("INPUT0", texts, "BYTES")], outputs=in_json)


def test_every_type_comes_back_as_it_went(client: triton.InferenceServerClient) -> None:
    arrays = {
        "BOOL": np.array([True, False]),
        "UINT8": np.array([0, 255], np.uint8),
        "UINT64": np.array([0, 2**64 - 1], np.uint64),
        "INT8": np.array([-128, 127], np.int8),
        "INT64": np.array([-(2**63), 2**63 - 1], np.int64),
        "FP16": np.array([0.1, -2], np.float16),
        "BF16": np.array([0.1, -2], ml_dtypes.bfloat16),
        "FP64": np.array([0.1, 1e300]),
    }
    given = [_input(array.dtype.name, array, name) for name, array in arrays.items()]
    binary = client.infer("every_type", given)
    in_json = [
        triton.InferRequestedOutput(f"{array.dtype.name}_out", binary_data=False)
        for array in arrays.values()
    ]
    as_json = client.infer("every_type", given, outputs=in_json)
    for array in arrays.values():
        name = f"{array.dtype.name}_out"
        np.testing.assert_array_equal(binary.as_numpy(name), array, strict=True)
        np.testing.assert_array_equal(as_json.as_numpy(name), array, strict=True)


@pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
def test_triton_s_client_compresses(client: triton.InferenceServerClient, algorithm: str) -> None:
    x = np.arange(1000, dtype=np.float32)
    result = client.infer(
        "half_plus_two",
        [_input("x", x, "FP32")],
        request_compression_algorithm=algorithm,
        response_compression_algorithm=algorithm,
    )
    np.testing.assert_array_equal(result.as_numpy("y"), x / 2 + 2)


@pytest.mark.parametrize("binary", [True, False])
def test_classes_come_with_their_labels(client: triton.InferenceServerClient, binary: bool) -> None:
    images = np.stack([np.full((8, 8, 1), light, np.uint8) for light in (0, 255, 128)])
    outputs = [triton.InferRequestedOutput("probabilities", binary_data=binary, class_count=2)]
    result = client.infer("shade", [_input("images", images, "UINT8")], outputs=outputs)
    said = [[each.split(":") for each in row] for row in _texts(result.as_numpy("probabilities"))]
    assert [row[0][1:] for row in said] == [["0", "dark"], ["2", "light"], ["1", "middle"]]
    assert all(float(row[0][0]) > 0.9 and len(row) == 2 for row in said)


def _texts(array: np.ndarray) -> list[list[str]]:
    return [[each if isinstance(each, str) else each.decode() for each in row] for row in array]


def test_many_at_once_are_answered_each_with_its_own(client: triton.InferenceServerClient) -> None:
    images = [np.full((1, 8, 8, 1), light, np.uint8) for light in (0, 128, 255) * 5]
    waiting = [client.async_infer("shade", [_input("images", each, "UINT8")]) for each in images]
    best = [int(each.get_result().as_numpy("probabilities").argmax()) for each in waiting]
    assert best == [0, 1, 2] * 5


def test_a_body_made_beforehand_is_taken(server: Server) -> None:
    body, length = triton.InferenceServerClient.generate_request_body(_pair(), priority=1)
    url, headers = "/v2/models/simple/infer", {LENGTH: str(length)}
    reply = server.client.post(url, content=body, headers=headers)
    result = triton.InferenceServerClient.parse_response_body(
        reply.content, header_length=int(reply.headers[LENGTH])
    )
    np.testing.assert_array_equal(result.as_numpy("OUTPUT0"), X + 1)


def test_a_sequence_is_refused(client: triton.InferenceServerClient) -> None:
    with pytest.raises(InferenceServerException, match="keeps state"):
        client.infer("simple", _pair(), sequence_id=5, sequence_start=True)


def test_triton_s_asyncio_client_asks_everything(server: Server) -> None:
    async def ask() -> None:
        url = server.url.removeprefix("http://")
        async with triton_aio.InferenceServerClient(url) as client:
            assert await client.is_server_live()
            assert await client.is_server_ready()
            assert await client.is_model_ready("simple", "1")
            assert (await client.get_model_metadata("simple"))[
                "platform"
            ] == "tensorflow_savedmodel"
            result = await client.infer("simple", _pair(), priority=1, timeout=5_000_000)
            np.testing.assert_array_equal(result.as_numpy("OUTPUT0"), X + 1)
            result = await client.infer(
                "simple",
                _pair(binary=False),
                outputs=[triton_aio.InferRequestedOutput("OUTPUT1", binary_data=False)],
                request_compression_algorithm="gzip",
                response_compression_algorithm="deflate",
            )
            np.testing.assert_array_equal(result.as_numpy("OUTPUT1"), X - 1)

    asyncio.run(ask())


# KServe's client


def test_kserve_s_client_asks_everything(server: Server) -> None:
    command = [sys.executable, "-m", "tests.kserve_client", server.url]
    asked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert asked.stdout.strip().endswith("answered"), asked.stderr
