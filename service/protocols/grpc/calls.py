"""What every gRPC call has around it: its message read and written, errors spoken, answers counted.

A service is a name and its methods; a method takes its request's message and the call's context,
and gives its answer's message or raises one of `service.errors`.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeVar

import grpc
from google.protobuf.message import DecodeError, Message
from grpc import StatusCode

from service.errors import InvalidInput, ServiceError
from service.observability import metrics
from service.protocols.grpc.status import Refused, status_of

logger = logging.getLogger(__name__)

T = TypeVar("T")

_LONGEST: Final = 1000
"""Characters of an error's text; it may quote a request."""
_LONG: Final = 256 * 1024
"""Bytes; longer tensors are read and written on a thread."""

Context = Any
"""`grpc.aio.ServicerContext`, which is untyped: the call's metadata and its time remaining."""


@dataclass(frozen=True, slots=True)
class Method:
    """One call that a service answers."""

    request: type[Message]
    answer: Callable[[Any, Context], Awaitable[Message]]


@dataclass(frozen=True, slots=True)
class Stream(Method):
    """A stream of requests, each answered in its turn; an error is an answer too."""

    wrap: Callable[[Message | None, str], Message]
    """Makes the stream's message of an answer, or of None and what went wrong."""


def service(name: str, methods: Mapping[str, Method], *, log: bool) -> Any:
    """The gRPC handler of the service called `name`; `log` says each call in the log."""
    handlers = {}
    for key, method in methods.items():
        answering = _Answering(key, method, log)
        if isinstance(method, Stream):
            stream = partial(answering.stream, method.wrap)
            handlers[key] = grpc.stream_stream_rpc_method_handler(stream)
        else:
            handlers[key] = grpc.unary_unary_rpc_method_handler(answering.call)
    return grpc.method_handlers_generic_handler(name, handlers)


def metadata(context: Context, name: str) -> str:
    """An entry of a call's metadata, empty where it is missing; `name` in lower case."""
    for key, value in context.invocation_metadata() or ():
        if key == name:
            return str(value)
    return ""


def request_key(context: Context) -> str | None:
    """The metadata `x-request-key`: calls of one key go to the same label of a split."""
    return metadata(context, "x-request-key") or None


async def aside(size: int, work: Callable[..., T], *arguments: object) -> T:
    """What `work` makes of tensors of `size` bytes; others are answered while that takes long."""
    if size < _LONG:
        return work(*arguments)
    return await asyncio.to_thread(work, *arguments)


class _Answering:
    """Answers the calls of one method, whose messages come and go as bytes."""

    def __init__(self, name: str, method: Method, log: bool) -> None:
        self._route = f"grpc:{name}"
        self._method = method
        self._log = log
        self._seconds = metrics.REQUEST_SECONDS.labels(self._route)
        self._counts: dict[StatusCode, Any] = {}

    async def call(self, data: bytes, context: Context) -> bytes:
        """Answer one call, or end it with the status of what went wrong."""
        answer, status, text = await self._attempt(data, context)
        if answer is None:
            await context.abort(status, text)
        return b"" if answer is None else answer.SerializeToString()

    async def stream(
        self,
        wrap: Callable[[Message | None, str], Message],
        requests: AsyncIterator[bytes],
        context: Context,
    ) -> AsyncIterator[bytes]:
        """Answer one request after the other."""
        async for data in requests:
            answer, _, text = await self._attempt(data, context)
            yield wrap(answer, text).SerializeToString()

    async def _attempt(
        self, data: bytes, context: Context
    ) -> tuple[Message | None, StatusCode, str]:
        """The answer, or None with the status and the text of what went wrong."""
        started = time.perf_counter()
        answer, status, text = None, StatusCode.OK, ""
        try:
            answer = await self._method.answer(self._read(data), context)
        except asyncio.CancelledError:  # the caller left, or its deadline passed
            status = StatusCode.CANCELLED
            raise
        except Exception as error:
            status, text = self._spoken(error)
        finally:
            self._count(status, time.perf_counter() - started)
        return answer, status, text

    def _read(self, data: bytes) -> Message:
        try:
            return self._method.request.FromString(data)
        except DecodeError as error:
            name = self._method.request.DESCRIPTOR.name
            raise InvalidInput(f"the message is no {name}: {error}") from None

    def _spoken(self, error: Exception) -> tuple[StatusCode, str]:
        """The status and the text of an error; of an unexpected one, where to find its text."""
        if isinstance(error, ServiceError):
            return status_of(error), error.message[:_LONGEST]
        if isinstance(error, Refused):
            return error.status, error.message[:_LONGEST]
        request_id = uuid.uuid4().hex
        logger.exception("%s failed", self._route, extra={"request_id": request_id})
        text = f"something went wrong in the service; its log has the reason under {request_id}"
        return StatusCode.INTERNAL, text

    def _count(self, status: StatusCode, seconds: float) -> None:
        if status not in self._counts:
            self._counts[status] = metrics.REQUESTS.labels(self._route, status.name)
        self._counts[status].inc()
        self._seconds.observe(seconds)
        if self._log:
            logger.info("%s %s %.1f ms", self._route, status.name, seconds * 1000)
