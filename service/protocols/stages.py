"""The stages around every answer, over HTTP and gRPC alike: one list, in their order.

Each stage is a coroutine that awaits the `rest` of the list, which ends with the answer itself. To
add one, such as a rate limit or a trace, write it here and put it in its place.
"""

from __future__ import annotations

import itertools
import logging
import time
import uuid
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final, Protocol

from service.access import admin
from service.errors import ServiceError
from service.settings import Settings

logger = logging.getLogger(__name__)

_PROCESS: Final = uuid.uuid4().hex[:16]
_numbers: Final = itertools.count(1)


class CallerGone(Exception):
    """The caller disconnected: there is nobody to answer."""


class Exchange(Protocol):
    """One request and its answer, as a wire protocol has them."""

    route: str
    """The label of the request in metrics and logs."""
    needs_admin: bool
    """Whether the request needs the ADMIN_TOKEN."""
    request_id: str

    @property
    def settings(self) -> Settings:
        """The settings of the service."""
        ...

    @property
    def authorization(self) -> str:
        """The header or metadata of this name; empty where it is missing."""
        ...

    def identify(self) -> None:
        """Set the request id."""
        ...

    async def answer(self) -> None:
        """Compute the answer.

        Raises:
            ServiceError: there is none.
        """
        ...

    def can_explain(self, error: Exception) -> bool:
        """Whether the error is meant for the caller."""
        ...

    def refuse(self, error: Exception) -> None:
        """Make an error the answer."""
        ...

    async def send(self) -> None:
        """Send the answer."""
        ...

    def count(self, seconds: float) -> None:
        """Count the answer, `seconds` after the request arrived."""
        ...


def new_request_id() -> str:
    """An id that no other request has, in any process."""
    return f"{_PROCESS}-{next(_numbers):x}"


Rest = Callable[[Exchange], Awaitable[None]]
Stage = Callable[[Exchange, Rest], Awaitable[None]]

UNEXPECTED: Final = "something went wrong in the service; its log has the reason by this request id"


async def count(exchange: Exchange, rest: Rest) -> None:
    """Count the answer and its time, unless the caller is gone."""
    started = time.perf_counter()
    try:
        await rest(exchange)
    except CallerGone:
        return
    exchange.count(time.perf_counter() - started)


async def send(exchange: Exchange, rest: Rest) -> None:
    """Send the answer, or the error in its place."""
    await rest(exchange)
    await exchange.send()


async def identify(exchange: Exchange, rest: Rest) -> None:
    """Give the request an id."""
    exchange.identify()
    await rest(exchange)


async def explain_errors(exchange: Exchange, rest: Rest) -> None:
    """Turn an error into an answer; log an unexpected one and tell the caller nothing of it."""
    try:
        await rest(exchange)
    except CallerGone:
        raise
    except Exception as error:
        if exchange.can_explain(error):
            exchange.refuse(error)
            return
        logger.exception("%s failed", exchange.route, extra={"request_id": exchange.request_id})
        exchange.refuse(ServiceError(UNEXPECTED))


async def authenticate(exchange: Exchange, rest: Rest) -> None:
    """Check the ADMIN_TOKEN where the request needs it, before its body is read."""
    if exchange.needs_admin:
        admin.require_admin(exchange.authorization, exchange.settings)
    await rest(exchange)


STAGES: Final[tuple[Stage, ...]] = (count, send, identify, explain_errors, authenticate)
"""From the outermost to the innermost."""


async def _answer(exchange: Exchange) -> None:
    await exchange.answer()


def _chained() -> Rest:
    chain: Rest = _answer
    for stage in reversed(STAGES):
        chain = partial(_run, stage, chain)
    return chain


def _run(stage: Stage, rest: Rest, exchange: Any) -> Awaitable[None]:
    return stage(exchange, rest)


run: Final = _chained()
"""Answer one request through all stages."""
