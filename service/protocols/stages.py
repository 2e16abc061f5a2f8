"""The stages of every answer, over HTTP and gRPC alike: `run` lists them in their order.

To add a stage, such as a rate limit or a trace, write it here and give it its line in `run`. They
are lines, not wrapped functions: six coroutines around an answer took some 3 % of the time of a
small model.
"""

from __future__ import annotations

import itertools
import logging
import time
import uuid
from typing import Final, Protocol

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


UNEXPECTED: Final = "something went wrong in the service; its log has the reason by this request id"


async def run(exchange: Exchange) -> None:
    """Answer one request: a stage a line, in their order."""
    started = time.perf_counter()
    exchange.identify()
    try:
        authenticate(exchange)
        await exchange.answer()
    except CallerGone:
        return
    except Exception as error:
        explain(exchange, error)
    await exchange.send()
    exchange.count(time.perf_counter() - started)


def authenticate(exchange: Exchange) -> None:
    """Check the ADMIN_TOKEN where the request needs it, before its body is read.

    Raises:
        Forbidden: ADMIN is off.
        Unauthorized: there is no token, or a wrong one.
    """
    if exchange.needs_admin:
        admin.require_admin(exchange.authorization, exchange.settings)


def explain(exchange: Exchange, error: Exception) -> None:
    """Make an error the answer; log an unexpected one, of which the caller learns nothing."""
    if exchange.can_explain(error):
        exchange.refuse(error)
        return
    logger.exception("%s failed", exchange.route, extra={"request_id": exchange.request_id})
    exchange.refuse(ServiceError(UNEXPECTED))
