"""The Open Inference Protocol over gRPC, asked by Triton's own client, plain and asyncio."""

from __future__ import annotations

import asyncio
import queue
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import grpc
import numpy as np
import pytest
import tritonclient.grpc as triton
import tritonclient.grpc.aio as triton_aio
from tritonclient.grpc import service_pb2, service_pb2_grpc
from tritonclient.utils import InferenceServerException

from service.version import __version__
from tests.server import Server

X = np.arange(16, dtype=np.int32).reshape(1, 16)
ONES = np.ones((1, 16), np.int32)
DARK_AND_LIGHT = np.stack([np.zeros((8, 8, 1), np.uint8), np.full((8, 8, 1), 255, np.uint8)])
TOKEN = {"authorization": "Bearer a token of the tests"}


@pytest.fixture(scope="module")
def client(grpc_server: Server) -> Iterator[triton.InferenceServerClient]:
    with triton.InferenceServerClient(grpc_server.grpc_address) as client:
        yield client


def _input(name: str, array: np.ndarray, datatype: str) -> Any:
    return triton.InferInput(name, list(array.shape), datatype).set_data_from_numpy(array)


def _pair() -> list[Any]:
    return [_input("INPUT0", X, "INT32"), _input("INPUT1", ONES, "INT32")]


def _refused(call: Any, *arguments: Any, **options: Any) -> tuple[str, str]:
    """The status and the text with which a call is refused."""
    with pytest.raises(InferenceServerException) as caught:
        call(*arguments, **options)
    return str(caught.value.status()).removeprefix("StatusCode."), str(caught.value.message())


def test_health_and_what_it_is(client: triton.InferenceServerClient) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("simple")
    assert client.is_model_ready("simple", "1")
    assert not client.is_model_ready("simple", "2")
    assert not client.is_model_ready("complicated")
    assert _refused(client.is_model_ready, "simple", "one")[0] == "INVALID_ARGUMENT"
    server = client.get_server_metadata(as_json=True)
    assert (server["name"], server["version"]) == ("lutrin", __version__)
    assert {"binary_tensor_data", "statistics", "model_repository"} <= set(server["extensions"])


def test_what_a_model_takes_and_gives(
    client: triton.InferenceServerClient, grpc_server: Server
) -> None:
    said = client.get_model_metadata("simple", as_json=True)
    over_http = grpc_server.client.get("/v2/models/simple").json()
    for tensor in [*said["inputs"], *said["outputs"]]:
        tensor["shape"] = [int(size) for size in tensor.get("shape", [])]
    assert said == over_http
    assert _refused(client.get_model_metadata, "nothing")[0] == "NOT_FOUND"


def test_how_a_model_is_run(client: triton.InferenceServerClient) -> None:
    config = client.get_model_config("shade").config
    assert (config.name, config.max_batch_size) == ("shade", 32)
    [pixels] = config.input
    assert (pixels.name, list(pixels.dims)) == ("images", [8, 8, 1])
    assert config.version_policy.latest.num_versions == 1
    assert config.WhichOneof("scheduling_choice") == "dynamic_batching"


def test_numbers(client: triton.InferenceServerClient) -> None:
    answer = client.infer("simple", _pair(), request_id="7")
    assert (answer.as_numpy("OUTPUT0") == X + 1).all()
    assert (answer.as_numpy("OUTPUT1") == X - 1).all()
    said = answer.get_response()
    assert (said.model_name, said.model_version, said.id) == ("simple", "1", "7")
    wanted = [triton.InferRequestedOutput("OUTPUT1")]
    answer = client.infer("simple", _pair(), model_version="1", outputs=wanted)
    assert [each.name for each in answer.get_response().outputs] == ["OUTPUT1"]


def test_strings(client: triton.InferenceServerClient) -> None:
    texts = np.array([b"a\0", b"", "ä".encode()], object)
    answer = client.infer("strings", [_input("s", texts, "BYTES")])
    assert answer.as_numpy("s_bytes").tolist() == texts.tolist()


@pytest.mark.parametrize(
    ("signature", "datatype", "array"),
    [
        ("bool", "BOOL", np.array([True, False])),
        ("uint8", "UINT8", np.array([0, 255], np.uint8)),
        ("uint64", "UINT64", np.array([0, 2**64 - 1], np.uint64)),
        ("int16", "INT16", np.array([-32768, 32767], np.int16)),
        ("int64", "INT64", np.array([-(2**63), 0], np.int64)),
        ("half", "FP16", np.array([1.5, -2], np.float16)),
        ("double", "FP64", np.array([1e300, np.nan])),
        ("float", "FP32", np.zeros(0, np.float32)),
    ],
)
def test_types(
    client: triton.InferenceServerClient, signature: str, datatype: str, array: np.ndarray
) -> None:
    chosen = {"signature_name": signature}
    answer = client.infer("types", [_input("x", array, datatype)], parameters=chosen)
    given = answer.as_numpy("y")
    assert (given.dtype, given.tobytes()) == (array.dtype, array.tobytes())


def test_classes_instead_of_numbers(client: triton.InferenceServerClient) -> None:
    inputs = [_input("images", DARK_AND_LIGHT, "UINT8")]
    wanted = [triton.InferRequestedOutput("probabilities", class_count=2)]
    answer = client.infer("shade", inputs, outputs=wanted).as_numpy("probabilities")
    assert answer.shape == (2, 2)
    best = [each.decode().split(":") for each in answer[:, 0]]
    assert [(index, label) for _, index, label in best] == [("0", "dark"), ("2", "light")]


def test_parameters(client: triton.InferenceServerClient) -> None:
    assert client.infer("simple", _pair(), priority=1, timeout=5_000_000, parameters={"x": "y"})
    chosen = {"signature_name": "scalar"}
    scalar = [_input("x", np.array(3, np.float32), "FP32")]
    assert client.infer("types", scalar, parameters=chosen).as_numpy("y") == 3.5
    status, text = _refused(client.infer, "types", scalar, parameters={"signature_name": "no"})
    assert status == "INVALID_ARGUMENT"
    assert "'no'" in text
    status, text = _refused(client.infer, "simple", _pair(), sequence_id=5)
    assert (status, "sequence_id" in text) == ("INVALID_ARGUMENT", True)
    assert _refused(client.infer, "simple", _pair(), timeout=1)[0] == "DEADLINE_EXCEEDED"


@pytest.mark.parametrize("size", [2, 300_000])
def test_long_tensors_come_back_whole(client: triton.InferenceServerClient, size: int) -> None:
    array = np.arange(size, dtype=np.int32)
    chosen = {"signature_name": "int32"}
    answer = client.infer("types", [_input("x", array, "INT32")], parameters=chosen)
    assert (answer.as_numpy("y") == array).all()


@pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
def test_requests_may_be_compressed(client: triton.InferenceServerClient, algorithm: str) -> None:
    answer = client.infer("simple", _pair(), compression_algorithm=algorithm)
    assert (answer.as_numpy("OUTPUT0") == X + 1).all()


@pytest.mark.parametrize(
    ("name", "inputs", "status", "text"),
    [
        ("nothing", _pair(), "NOT_FOUND", "no model 'nothing'"),
        ("simple", _pair()[:1], "INVALID_ARGUMENT", "INPUT1"),
        ("simple", [_input("INPUT0", X, "INT32")] * 2, "INVALID_ARGUMENT", "twice"),
        (
            "simple",
            [_input("INPUT0", X, "INT32"), _input("INPUT1", ONES.astype(np.int64), "INT64")],
            "INVALID_ARGUMENT",
            "the tensor 'INPUT1' is int32 [any, 16]; got int64 [1, 16]",
        ),
    ],
)
def test_mistakes_are_explained(
    client: triton.InferenceServerClient, name: str, inputs: list[Any], status: str, text: str
) -> None:
    given, message = _refused(client.infer, name, inputs)
    assert given == status
    assert text in message


def test_wrong_outputs_and_versions_are_explained(client: triton.InferenceServerClient) -> None:
    wanted = [triton.InferRequestedOutput("OUTPUT9")]
    status, text = _refused(client.infer, "simple", _pair(), outputs=wanted)
    assert status == "INVALID_ARGUMENT"
    assert "OUTPUT9" in text
    assert "OUTPUT0" in text
    assert _refused(client.infer, "simple", _pair(), model_version="7")[0] == "NOT_FOUND"
    assert _refused(client.infer, "simple", _pair(), model_version="x")[0] == "INVALID_ARGUMENT"
    wanted[0].set_shared_memory("region", 4)
    status, text = _refused(client.infer, "simple", _pair(), outputs=wanted)
    assert (status, "shared memory" in text) == ("INVALID_ARGUMENT", True)


def test_typed_contents_are_answered_in_kind(grpc_server: Server) -> None:
    request = service_pb2.ModelInferRequest(model_name="simple", id="typed")
    for name in ("INPUT0", "INPUT1"):
        tensor = request.inputs.add(name=name, datatype="INT32", shape=[1, 16])
        tensor.contents.int_contents.extend(range(16))
    with grpc.insecure_channel(grpc_server.grpc_address) as channel:
        answer = service_pb2_grpc.GRPCInferenceServiceStub(channel).ModelInfer(request)
    assert not answer.raw_output_contents
    outputs = {each.name: list(each.contents.int_contents) for each in answer.outputs}
    assert outputs == {"OUTPUT0": list(range(0, 32, 2)), "OUTPUT1": [0] * 16}
    assert answer.id == "typed"


def test_asyncio(grpc_server: Server) -> None:
    async def ask() -> list[Any]:
        async with triton_aio.InferenceServerClient(grpc_server.grpc_address) as client:
            assert await client.is_model_ready("simple")
            calls = [client.infer("simple", _pair(), request_id=str(i)) for i in range(20)]
            return list(await asyncio.gather(*calls))

    answers = asyncio.run(ask())
    assert [answer.get_response().id for answer in answers] == [str(i) for i in range(20)]
    assert all((answer.as_numpy("OUTPUT1") == X - 1).all() for answer in answers)


KSERVE = """
import asyncio, sys
import numpy as np
from kserve import InferenceGRPCClient, InferInput, InferRequest

async def ask():
    client = InferenceGRPCClient(sys.argv[1])
    assert await client.is_server_ready() and await client.is_model_ready("shade")
    for binary in (False, True):
        images = InferInput("images", [1, 8, 8, 1], "UINT8")
        images.set_data_from_numpy(np.full((1, 8, 8, 1), 255, np.uint8), binary_data=binary)
        answer = await client.infer(InferRequest("shade", [images], request_id="7"))
        [probabilities] = answer.outputs
        assert probabilities.as_numpy().argmax() == 2, binary
        assert (answer.id, answer.model_version) == ("7", "3")

asyncio.run(ask())
"""


def test_kserve_s_client(grpc_server: Server) -> None:
    # In a process of its own: its messages and Triton's cannot live in one.
    command = [sys.executable, "-c", KSERVE, grpc_server.grpc_address]
    asked = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert asked.returncode == 0, asked.stderr


def test_a_stream_answers_each_request_and_survives_mistakes(
    client: triton.InferenceServerClient,
) -> None:
    answers: queue.Queue[Any] = queue.Queue()
    client.start_stream(lambda result, error: answers.put((result, error)))
    for name in ("simple", "nothing", "simple"):
        client.async_stream_infer(name, _pair(), request_id=name)
    (first, none), (nothing, error), (last, _) = [answers.get(timeout=20) for _ in range(3)]
    client.stop_stream()
    assert none is None
    assert nothing is None
    assert "no model 'nothing'" in str(error)
    assert (first.as_numpy("OUTPUT0") == last.as_numpy("OUTPUT0")).all()
    assert last.get_response().parameters["triton_final_response"].bool_param


def test_statistics_count(client: triton.InferenceServerClient) -> None:
    def counted() -> tuple[int, int]:
        [stats] = client.get_inference_statistics("simple").model_stats
        return stats.inference_stats.success.count, stats.execution_count

    before = counted()
    client.infer("simple", _pair())
    assert counted() == (before[0] + 1, before[1] + 1)
    every = client.get_inference_statistics().model_stats
    assert {"simple", "shade", "types"} <= {each.name for each in every}
    assert _refused(client.get_inference_statistics, "nothing")[0] == "NOT_FOUND"


def test_the_repository_is_listed(client: triton.InferenceServerClient) -> None:
    models = client.get_model_repository_index().models
    assert ("shade", "3", "READY") in [(each.name, each.version, each.state) for each in models]


def test_loading_needs_the_token(client: triton.InferenceServerClient) -> None:
    assert _refused(client.unload_model, "types")[0] == "UNAUTHENTICATED"
    wrong = {"authorization": "Bearer something else"}
    assert _refused(client.load_model, "types", headers=wrong)[0] == "UNAUTHENTICATED"
    assert client.is_model_ready("types")
    status, text = _refused(client.load_model, "types", headers=TOKEN, config="{}")
    assert (status, "models.yaml" in text) == ("INVALID_ARGUMENT", True)
    assert _refused(client.load_model, "nothing", headers=TOKEN)[0] == "NOT_FOUND"


def test_a_model_is_unloaded_and_loaded(client: triton.InferenceServerClient) -> None:
    client.unload_model("strings", headers=TOKEN)
    assert not client.is_model_ready("strings")
    text = [_input("s", np.array([b"text"], object), "BYTES")]
    assert _refused(client.infer, "strings", text)[0] == "UNAVAILABLE"
    client.load_model("strings", headers=TOKEN)
    assert client.is_model_ready("strings")
    assert client.infer("strings", text).as_numpy("s").tolist() == [b"text"]
