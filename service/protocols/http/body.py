"""Reads a request's body, bounded in bytes and in time."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import orjson
from starlette.types import Receive

from service.errors import DeadlineExceeded, InputTooLarge, InvalidInput, UnsupportedType
from service.machine.timeouts import wait_for
from service.protocols.http.compression import inflate
from service.protocols.http.request import Context
from service.protocols.stages import CallerGone

_LONG: Final = 16 * 1024
"""Bytes; inflating a longer body is worth a thread, so that others are answered meanwhile."""


async def read_body(request: Context) -> bytes:
    """The whole body, if it is no longer than MAX_BODY_BYTES and comes within REQUEST_TIMEOUT_S.

    Raises:
        InputTooLarge: it is, or says it is, longer.
        UnsupportedType: it is compressed.
        DeadlineExceeded: it did not arrive in time.
        CallerGone: the caller disconnected before its end.
    """
    encoding = request.header(b"content-encoding")
    if encoding not in ("", "identity"):
        raise UnsupportedType(
            f"the Content-Encoding is {encoding}; send the body as it is (images are compressed)"
        )
    return await _read(request)


async def read_inflated(request: Context) -> bytes:
    """The whole body as `read_body` takes it, but inflated where it came in gzip or deflate.

    MAX_BODY_BYTES holds for both its lengths.

    Raises:
        InputTooLarge: it is, or says it is, longer.
        UnsupportedType: it is compressed otherwise.
        InvalidInput: it is not what its Content-Encoding says.
        DeadlineExceeded: it did not arrive in time.
        CallerGone: the caller disconnected before its end.
    """
    body = await _read(request)
    encoding = request.header(b"content-encoding")
    if not encoding:
        return body
    if len(body) < _LONG:
        return inflate(body, encoding, request.settings.max_body_bytes)
    return await asyncio.to_thread(inflate, body, encoding, request.settings.max_body_bytes)


async def read_object(request: Context) -> dict[str, Any]:
    """The JSON object that is the body, as `read_inflated` reads it; empty where there is none.

    Raises:
        InvalidInput: it is something else.
        ServiceError: as `read_inflated` does.
    """
    body = await read_inflated(request)
    try:
        value = orjson.loads(body) if body.strip() else {}
    except ValueError as error:
        raise InvalidInput(f"the body is no JSON: {error}") from None
    if not isinstance(value, dict):
        raise InvalidInput("the body is a JSON object, or nothing")
    return value


async def _read(request: Context) -> bytes:
    settings = request.settings
    declared, max_bytes = request.header(b"content-length"), settings.max_body_bytes
    if declared.isdecimal() and int(declared) > max_bytes:
        raise InputTooLarge(f"the body has {declared} bytes; {max_bytes} are taken at most")
    try:
        return await wait_for(settings.request_timeout_s, _receive(request.receive, max_bytes))
    except TimeoutError:
        seconds = f"{settings.request_timeout_s:g} s"
        raise DeadlineExceeded(f"the body did not arrive within {seconds}") from None


async def _receive(receive: Receive, max_bytes: int) -> bytes:
    chunks: list[bytes] = []
    received, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise CallerGone
        chunks.append(message.get("body", b""))
        more = message.get("more_body", False)
        received += len(chunks[-1])
        if received > max_bytes:
            raise InputTooLarge(f"the body has more than the {max_bytes} bytes taken at most")
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)
