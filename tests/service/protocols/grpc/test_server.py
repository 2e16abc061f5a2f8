"""The gRPC server as operators meet it: limits, deadlines, health, logs, metrics, its end."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import tritonclient.grpc as triton
from grpc import StatusCode
from tritonclient.utils import InferenceServerException

from service.protocols.grpc.protos.health_pb2 import HealthCheckRequest, HealthCheckResponse
from tests import ROOT
from tests.server import Server
from tests.slow import write_slow_classifier

SLOW_S = 0.4


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose model takes its time, one image after the other."""
    folder = tmp_path_factory.mktemp("models")
    write_slow_classifier(folder / "slow" / "1", seconds=SLOW_S)
    with Server(MODELS_DIR=folder, GRPC_PORT=0, MAX_BATCH_SIZE=1, ACCESS_LOG="true") as running:
        yield running


def _image() -> Any:
    image = triton.InferInput("images", [1, 8, 8, 1], "UINT8")
    return image.set_data_from_numpy(np.zeros((1, 8, 8, 1), np.uint8))


def _check(server: Server, service: str = "") -> HealthCheckResponse:
    with grpc.insecure_channel(server.grpc_address) as channel:
        call = channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=HealthCheckRequest.SerializeToString,
            response_deserializer=HealthCheckResponse.FromString,
        )
        answer: HealthCheckResponse = call(HealthCheckRequest(service=service))
        return answer


def _call(server: Server, method: str, message: bytes, **options: Any) -> bytes:
    with grpc.insecure_channel(server.grpc_address) as channel:
        return bytes(channel.unary_unary(method)(message, timeout=30, **options))


def _answers(server: Server, route: str, status: str) -> float:
    """How many answers the metrics have counted."""
    name = f'lutrin_requests_total{{route="{route}",status="{status}"}}'
    lines = server.client.get("/metrics").text.splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(name))


def _given_up(server: Server) -> float:
    """Calls whose deadline passed: the engine notices, or gRPC first, which then cancels."""
    return sum(
        _answers(server, "grpc:ModelInfer", status) for status in ("CANCELLED", "DEADLINE_EXCEEDED")
    )


def _forget(result: object, error: object) -> None:
    """Take an answer that nobody waits for."""


def test_probes_ask_whether_it_is_ready(grpc_server: Server) -> None:
    serving = HealthCheckResponse.SERVING
    for service in ("", "inference.GRPCInferenceService", "tensorflow.serving.PredictionService"):
        assert _check(grpc_server, service).status == serving
    with pytest.raises(grpc.RpcError) as caught:
        _check(grpc_server, "nothing")
    assert caught.value.code() is StatusCode.NOT_FOUND


def test_a_service_without_its_models_is_alive_and_not_ready(tmp_path: Path) -> None:
    with Server(MODELS_DIR=tmp_path, GRPC_PORT=0, wait_ready=False) as server:
        assert _check(server).status == HealthCheckResponse.NOT_SERVING
        assert _check(server, "live").status == HealthCheckResponse.SERVING
        with triton.InferenceServerClient(server.grpc_address) as client:
            assert client.is_server_live()
            assert not client.is_server_ready()
        _refuse_the_same_port(server, tmp_path)


def _refuse_the_same_port(server: Server, models: Path) -> None:
    port = server.grpc_address.rpartition(":")[2]
    settings = {"MODELS_DIR": str(models), "PORT": "0", "GRPC_PORT": port}
    second = _start("from service.cli import main; main()", settings)
    assert second.returncode
    assert f"gRPC cannot listen on 127.0.0.1:{port}: is GRPC_PORT taken?" in second.stderr


def _start(code: str, settings: dict[str, str]) -> subprocess.CompletedProcess[str]:
    environment = os.environ | settings | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code]
    return subprocess.run(
        command,
        env=environment,
        cwd=ROOT / "docs",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_without_grpcio_it_says_what_to_install(tmp_path: Path) -> None:
    code = "import sys; sys.modules['grpc'] = None; from service.cli import main; "
    settings = {"MODELS_DIR": str(tmp_path), "PORT": "0", "GRPC_PORT": "0"}
    result = _start(f"{code} sys.exit(main())", settings)
    assert result.returncode == 1
    assert "pip install 'lutrin[grpc]'" in result.stderr
    assert "Traceback" not in result.stderr


def test_what_is_no_message_is_refused(grpc_server: Server) -> None:
    for method in (
        "/inference.GRPCInferenceService/ModelInfer",
        "/tensorflow.serving.PredictionService/Predict",
    ):
        with pytest.raises(grpc.RpcError) as caught:
            _call(grpc_server, method, b"\xff\xff\xff")
        assert caught.value.code() is StatusCode.INVALID_ARGUMENT
        assert "the message is no " in caught.value.details()
    with pytest.raises(grpc.RpcError) as caught:
        _call(grpc_server, "/inference.GRPCInferenceService/Guess", b"")
    assert caught.value.code() is StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize("compression", list(grpc.Compression))
def test_messages_are_bounded_however_they_are_packed(
    grpc_server: Server, compression: grpc.Compression
) -> None:
    method = "/inference.GRPCInferenceService/ModelInfer"
    with pytest.raises(grpc.RpcError) as caught:
        _call(grpc_server, method, b"\0" * 4_100_000, compression=compression)
    assert caught.value.code() is StatusCode.RESOURCE_EXHAUSTED
    with pytest.raises(grpc.RpcError) as caught:
        _call(grpc_server, method, b"\0" * 3_900_000, compression=compression)
    assert caught.value.code() is StatusCode.INVALID_ARGUMENT


def test_a_deadline_frees_its_place(slow: Server) -> None:
    with triton.InferenceServerClient(slow.grpc_address) as client:
        before = _given_up(slow)
        [was] = client.get_inference_statistics("slow").model_stats
        handles = [
            client.async_infer("slow", [_image()], _forget, client_timeout=SLOW_S / 4)
            for _ in range(10)
        ]
        assert len(handles) == 10
        started = time.perf_counter()
        with pytest.raises(InferenceServerException) as caught:
            client.infer("slow", [_image()], client_timeout=SLOW_S / 2)
        assert caught.value.status() == "StatusCode.DEADLINE_EXCEEDED"
        assert time.perf_counter() - started < SLOW_S
        client.infer("slow", [_image()])
        assert time.perf_counter() - started < 4 * SLOW_S, "those who left were answered first"
        [now] = client.get_inference_statistics("slow").model_stats
        assert now.execution_count - was.execution_count <= 3
        assert _given_up(slow) == before + 11


def test_answers_are_counted_and_logged(slow: Server) -> None:
    with triton.InferenceServerClient(slow.grpc_address) as client:
        before = _answers(slow, "grpc:ModelInfer", "NOT_FOUND")
        with pytest.raises(InferenceServerException):
            client.infer("nothing", [_image()])
        assert _answers(slow, "grpc:ModelInfer", "NOT_FOUND") == before + 1
    assert re.search(r"grpc:ModelInfer NOT_FOUND [\d.]+ ms", "".join(slow.log))


def test_calls_in_flight_are_answered_when_it_stops(slow: Server) -> None:
    # The last of this file, since it ends the server that the others ask.
    with triton.InferenceServerClient(slow.grpc_address) as client:
        errors: list[Exception | None] = []
        for _ in range(3):
            client.async_infer("slow", [_image()], lambda result, error: errors.append(error))
        time.sleep(SLOW_S / 4)
        assert slow.stop() == 0
        time.sleep(0.1)
        assert errors == [None] * 3
        with pytest.raises(InferenceServerException) as caught:
            client.infer("slow", [_image()])
        assert caught.value.status() == "StatusCode.UNAVAILABLE"
