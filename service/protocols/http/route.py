"""A route class that calls its endpoint directly and speaks every error in its protocol's shape.

FastAPI documents these routes but does not stand in their way: its work on each request costs more
than a small model's answer. So an endpoint takes the `Request` and gives a `Response`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from abc import abstractmethod
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, ClassVar, Final, TypeVar

from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from service.errors import ServiceError
from service.machine.timeouts import set_alarm
from service.observability import metrics
from service.protocols.http.request import Context, request_id_of
from service.protocols.openapi.document import with_headers

logger = logging.getLogger(__name__)

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

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request whose path is this route's."""
        methods = self.methods or set()
        # The server sends the head of a GET alone, which is what probes with HEAD want.
        if scope["method"] not in methods and not (scope["method"] == "HEAD" and "GET" in methods):
            raise HTTPException(405, headers={"Allow": ", ".join(sorted(methods))})
        await self.answer(scope, receive, send)

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, whatever its verb."""
        started = time.perf_counter()
        request_id = request_id_of(scope)
        try:
            response: Response = await self.endpoint(Context(scope, receive))
        except ServiceError as error:
            response = self.refuse(error, request_id)
        except ClientDisconnect:
            return
        except Exception:
            logger.exception("%s failed", self.path, extra={"request_id": request_id})
            response = self.refuse(ServiceError(UNEXPECTED), request_id)
        response.raw_headers.append((b"x-request-id", request_id.encode()))
        if response.status_code in (429, 503):
            response.raw_headers.append((b"retry-after", b"1"))
        await response(scope, receive, send)
        self._seconds.observe(time.perf_counter() - started)
        self._count(response.status_code)

    @classmethod
    def refuse(cls, error: ServiceError, request_id: str) -> Response:
        """The response that speaks an error."""
        status = cls.status(error)
        reply = JSONReply(cls.body(error, status, request_id), status)
        if status == 401:
            reply.raw_headers.append((b"www-authenticate", b"Bearer"))
        return reply

    def _count(self, status: int) -> None:
        if status not in self._counts:
            self._counts[status] = metrics.REQUESTS.labels(self.path, status)
        self._counts[status].inc()


UNEXPECTED: Final = "something went wrong in the service; its log has the reason by this request id"


class JSONReply(Response):
    """JSON that is encoded already."""

    def __init__(self, content: bytes, status: int = 200) -> None:
        # Response.__init__ costs more than all else that a small answer needs
        self.status_code = status
        self.body = content
        self.background = None
        self.raw_headers = [
            (b"content-length", str(len(content)).encode()),
            (b"content-type", b"application/json"),
        ]


def named(response: Response, model: str, version: int) -> Response:
    """The response, its headers saying which version of which model gave it."""
    response.raw_headers.append((b"x-model-name", model.encode()))
    response.raw_headers.append((b"x-model-version", str(version).encode()))
    return response


async def while_connected(request: Context, work: Coroutine[Any, Any, T]) -> T:
    """Await `work`, but give it up when the caller hangs up. The body must have been read.

    Raises:
        ClientDisconnect: the caller is gone.
    """
    task = asyncio.current_task()
    departure = _Departure(request.receive, task)
    alarm = set_alarm(_PATIENCE_S, departure.watch)
    try:
        return await work
    except asyncio.CancelledError:
        if departure.happened and task is not None:
            task.uncancel()
            raise ClientDisconnect from None
        raise
    finally:
        alarm.cancel()
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
