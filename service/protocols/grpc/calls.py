"""gRPC calls as the stages of all protocols have them, their messages read and written.

A service is a name and its methods. A method takes the message of a request and the context of the
call, and returns the message of the answer or raises one of `service.errors`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import KW_ONLY, dataclass
from functools import partial
from typing import Any, Final, TypeVar

import grpc
from google.protobuf.message import DecodeError, Message
from grpc import StatusCode

from service.errors import InvalidInput, ServiceError
from service.observability import metrics
from service.protocols import stages
from service.protocols.grpc.status import Refused, status_of
from service.settings import Settings

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
    _: KW_ONLY
    needs_admin: bool = False
    """Whether the ADMIN_TOKEN is needed."""


@dataclass(frozen=True, slots=True)
class Stream(Method):
    """A stream of requests, answered one after the other; an error is an answer too."""

    wrap: Callable[[Message | None, str], Message]
    """Makes the stream's message from an answer, or from None and the text of an error."""


def service(name: str, methods: Mapping[str, Method], settings: Settings) -> Any:
    """The gRPC handler of the service called `name`."""
    handlers = {}
    for key, method in methods.items():
        answering = _Answering(key, method, settings)
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

    def __init__(self, name: str, method: Method, settings: Settings) -> None:
        self.route = f"grpc:{name}"
        self.method = method
        self.settings = settings
        self._seconds = metrics.REQUEST_SECONDS.labels(self.route)
        self._counts: dict[StatusCode, Any] = {}

    async def call(self, data: bytes, context: Context) -> bytes:
        """Answer one call, or end it with the status of the error."""
        exchange = await self._answered(data, context)
        if exchange.reply is None:
            await context.abort(exchange.status, exchange.text)
        return b"" if exchange.reply is None else exchange.reply.SerializeToString()

    async def stream(
        self,
        wrap: Callable[[Message | None, str], Message],
        requests: AsyncIterator[bytes],
        context: Context,
    ) -> AsyncIterator[bytes]:
        """Answer one request after the other."""
        async for data in requests:
            exchange = await self._answered(data, context)
            yield wrap(exchange.reply, exchange.text).SerializeToString()

    async def _answered(self, data: bytes, context: Context) -> _Exchange:
        exchange = _Exchange(self, data, context)
        started = time.perf_counter()
        try:
            await stages.run(exchange)
        except asyncio.CancelledError:  # the caller disconnected, or its deadline passed
            self.count(StatusCode.CANCELLED, time.perf_counter() - started)
            raise
        return exchange

    def count(self, status: StatusCode, seconds: float) -> None:
        """Count one answer of this method."""
        if status not in self._counts:
            self._counts[status] = metrics.REQUESTS.labels(self.route, status.name)
        self._counts[status].inc()
        self._seconds.observe(seconds)
        if self.settings.access_log:
            logger.info("%s %s %.1f ms", self.route, status.name, seconds * 1000)


class _Exchange:
    """One gRPC request and its reply."""

    def __init__(self, answering: _Answering, data: bytes, context: Context) -> None:
        self.route = answering.route
        self.needs_admin = answering.method.needs_admin
        self.request_id = ""
        self.settings = answering.settings
        self.reply: Message | None = None
        self.status = StatusCode.OK
        self.text = ""
        """What went wrong."""
        self._answering = answering
        self._data = data
        self._context = context

    @property
    def authorization(self) -> str:
        return metadata(self._context, "authorization")

    def identify(self) -> None:
        self.request_id = stages.new_request_id()

    async def answer(self) -> None:
        kind = self._answering.method.request
        try:
            message = kind.FromString(self._data)
        except DecodeError as error:
            raise InvalidInput(f"the message is no {kind.DESCRIPTOR.name}: {error}") from None
        self.reply = await self._answering.method.answer(message, self._context)

    def can_explain(self, error: Exception) -> bool:
        return isinstance(error, ServiceError | Refused)

    def refuse(self, error: Exception) -> None:
        if isinstance(error, Refused):
            self.status, text = error.status, error.message
        else:
            assert isinstance(error, ServiceError)  # noqa: S101 — `can_explain` took it
            self.status, text = status_of(error), error.message
            if text == stages.UNEXPECTED:  # no header tells the id
                text = f"{text}: {self.request_id}"
        self.text = text[:_LONGEST]

    async def send(self) -> None:
        """`call` and `stream` send the reply."""

    def count(self, seconds: float) -> None:
        self._answering.count(self.status, seconds)
