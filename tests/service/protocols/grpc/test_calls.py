"""What every call has around it: errors as statuses, and nothing told of what nobody expected."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message
from grpc import StatusCode

from service.errors import Overloaded
from service.protocols.grpc.calls import Context, Method, metadata, request_key, service
from service.protocols.grpc.protos.health_pb2 import HealthCheckRequest, HealthCheckResponse
from service.protocols.grpc.status import Refused
from service.settings import Settings


async def _answer(request: HealthCheckRequest, context: Context) -> Message:
    errors = {
        "full": Overloaded("try again in a moment"),
        "refused": Refused(StatusCode.OUT_OF_RANGE, "as prescribed"),
        "broken": RuntimeError("the secret of the house"),
        "long": Overloaded("x" * 100_000),
    }
    if request.service in errors:
        raise errors[request.service]
    assert metadata(context, "x-request-key") == (request_key(context) or "")
    return HealthCheckResponse(status="SERVING" if request_key(context) else "UNKNOWN")


async def _ask(*services: str, key: str = "") -> list[tuple[Any, str]]:
    """The status and the text of each answer of a server with that one method."""
    server = grpc.aio.server()
    method = {"Check": Method(HealthCheckRequest, _answer)}
    server.add_generic_rpc_handlers((service("test.Service", method, Settings()),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    said: list[tuple[Any, str]] = []
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        call = channel.unary_unary(
            "/test.Service/Check", request_serializer=HealthCheckRequest.SerializeToString
        )
        for each in services:
            try:
                sent = (("x-request-key", key),) if key else None
                answer = await call(HealthCheckRequest(service=each), metadata=sent)
                status = HealthCheckResponse.FromString(answer).status
                said.append((StatusCode.OK, HealthCheckResponse.ServingStatus.Name(status)))
            except grpc.aio.AioRpcError as error:
                said.append((error.code(), error.details() or ""))
    await server.stop(None)
    return said


def test_errors_have_their_status_and_text() -> None:
    full, refused, fine = asyncio.run(_ask("full", "refused", "fine"))
    assert full == (StatusCode.UNAVAILABLE, "try again in a moment")
    assert refused == (StatusCode.OUT_OF_RANGE, "as prescribed")
    assert fine == (StatusCode.OK, "UNKNOWN")


def test_what_nobody_expected_is_logged_and_not_told(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        [(status, text)] = asyncio.run(_ask("broken"))
    assert status is StatusCode.INTERNAL
    assert "secret" not in text
    [record] = [each for each in caplog.records if each.name == "service.protocols.stages"]
    assert "the secret of the house" in caplog.text
    assert record.__dict__["request_id"] in text


def test_texts_are_not_endless() -> None:
    [(status, text)] = asyncio.run(_ask("long"))
    assert status is StatusCode.UNAVAILABLE
    assert 500 < len(text) < 2000


def test_the_key_of_a_request_is_in_its_metadata() -> None:
    assert asyncio.run(_ask("fine", key="somebody")) == [(StatusCode.OK, "SERVING")]
