"""A route class that calls its endpoint directly and explains every error in its protocol's shape.

FastAPI documents these routes but does not run them: its work on each request costs more than the
answer of a small model. So an endpoint takes a `Context` and returns a `Response`.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, ClassVar, Final, TypeVar

from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from service.errors import ServiceError
from service.machine.timeouts import set_timeout
from service.observability import metrics
from service.protocols import stages
from service.protocols.http.request import NEEDS_ADMIN, Context, request_id_of
from service.protocols.openapi.document import with_headers
from service.protocols.stages import CallerGone
from service.settings import Settings

T = TypeVar("T")

_PATIENCE_S: Final = 0.05
"""Only an answer slower than this is worth watching whether its caller is still there."""


class EnvelopeRoute(APIRoute):
    """A route of one protocol; a subclass says its statuses and the shape of its errors."""

    statuses: ClassVar[Mapping[type[ServiceError], int]]
    """By kind of error; a kind not listed has the status of its nearest parent."""

    @classmethod
    @abstractmethod
    def body(cls, error: ServiceError, status: int, request_id: str) -> bytes:
        """An error as the protocol's JSON."""

    @classmethod
    def status(cls, error: ServiceError) -> int:
        """The HTTP status of an error in this protocol."""
        return next(cls.statuses[kind] for kind in type(error).__mro__ if kind in cls.statuses)

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        options["responses"] = with_headers(options.get("responses"))
        super().__init__(path, endpoint, **options)
        self._seconds = metrics.REQUEST_SECONDS.labels(path)
        self._counts: dict[int, Any] = {}
        self.needs_admin = NEEDS_ADMIN in self.dependencies
        """Whether the ADMIN_TOKEN is needed."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request whose path is this route's."""
        methods = self.methods or set()
        # The server sends the head of a GET alone, which is what probes with HEAD want.
        if scope["method"] not in methods and not (scope["method"] == "HEAD" and "GET" in methods):
            raise HTTPException(405, headers={"Allow": ", ".join(sorted(methods))})
        await self.answer(scope, receive, send)

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, whatever its verb."""
        await stages.run(_Exchange(self, Context(scope, receive), send))

    @classmethod
    def refusal(cls, error: ServiceError, request_id: str) -> Response:
        """The response that explains an error."""
        status = cls.status(error)
        reply = JSONReply(cls.body(error, status, request_id), status)
        if status == 401:
            reply.raw_headers.append((b"www-authenticate", b"Bearer"))
        return reply

    def count(self, status: int, seconds: float) -> None:
        """Count one answer of this route."""
        self._seconds.observe(seconds)
        if status not in self._counts:
            self._counts[status] = metrics.REQUESTS.labels(self.path, status)
        self._counts[status].inc()


class _Exchange:
    """One HTTP request and its response."""

    __slots__ = ("_context", "_response", "_route", "_send", "needs_admin", "request_id", "route")

    def __init__(self, route: EnvelopeRoute, context: Context, send: Send) -> None:
        self.route = route.path
        self.needs_admin = route.needs_admin
        self.request_id = ""
        self._route = route
        self._context = context
        self._send = send
        self._response: Response

    @property
    def settings(self) -> Settings:
        return self._context.settings

    @property
    def authorization(self) -> str:
        return self._context.header(b"authorization")

    def identify(self) -> None:
        self.request_id = request_id_of(self._context.scope)

    async def answer(self) -> None:
        self._response = await self._route.endpoint(self._context)

    def can_explain(self, error: Exception) -> bool:
        return isinstance(error, ServiceError)

    def refuse(self, error: Exception) -> None:
        assert isinstance(error, ServiceError)  # noqa: S101 — `can_explain` took it
        self._response = self._route.refusal(error, self.request_id)

    async def send(self) -> None:
        response, context = self._response, self._context
        response.raw_headers.append((b"x-request-id", self.request_id.encode()))
        if response.status_code in (429, 503):
            response.raw_headers.append((b"retry-after", b"1"))
        await response(context.scope, context.receive, self._send)

    def count(self, seconds: float) -> None:
        self._route.count(self._response.status_code, seconds)


class JSONReply(Response):
    """JSON that is encoded already."""

    media_type = "application/json"

    def __init__(self, content: bytes, status: int = 200) -> None:
        super().__init__(content, status)


def named(response: Response, model: str, version: int) -> Response:
    """The response, its headers saying which version of which model gave it."""
    response.raw_headers.append((b"x-model-name", model.encode()))
    response.raw_headers.append((b"x-model-version", str(version).encode()))
    return response


async def while_connected(request: Context, work: Coroutine[Any, Any, T]) -> T:
    """Await `work`, but give it up when the caller hangs up. The body must have been read.

    Raises:
        CallerGone: the caller disconnected.
    """
    task = asyncio.current_task()
    departure = _Departure(request.receive, task)
    timeout = set_timeout(_PATIENCE_S, departure.watch)
    try:
        return await work
    except asyncio.CancelledError:
        if departure.happened and task is not None:
            task.uncancel()
            raise CallerGone from None
        raise
    finally:
        timeout.cancel()
        departure.close()


class _Departure:
    """Waits for the caller to hang up, and cancels the task that works for it."""

    def __init__(self, receive: Receive, task: asyncio.Task[Any] | None) -> None:
        self.happened = False
        self._receive = receive
        self._task = task
        self._watching: asyncio.Task[None] | None = None

    def watch(self) -> None:
        self._watching = asyncio.create_task(self._wait())

    def close(self) -> None:
        if self._watching is not None:
            self._watching.cancel()

    async def _wait(self) -> None:
        message = await self._receive()
        if message["type"] == "http.disconnect" and self._task is not None:
            self.happened = True
            self._task.cancel()
