"""The deadline of a request: work that takes longer is cancelled."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TypeVar

from service.errors import DeadlineExceeded
from service.machine.timeouts import wait_for

T = TypeVar("T")


async def before_deadline(seconds: float, work: Awaitable[T]) -> T:
    """Await `work` for at most so many seconds.

    Raises:
        DeadlineExceeded: it took longer, and was cancelled.
    """
    try:
        return await wait_for(seconds, work)
    except TimeoutError:
        message = f"no answer within {seconds:g} s: the service is busy or the model is slow"
        raise DeadlineExceeded(message) from None
