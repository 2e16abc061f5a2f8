"""Timeouts that share one timer of the event loop.

The timer is set for the earliest of them. A timer for each timeout costs 2 µs, `asyncio.timeout` 5,
and a request sets three: a tenth of the time of a small model's answer.
"""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

T = TypeVar("T")


class Timeout:
    """One timeout."""

    __slots__ = ("_queue", "at", "callback")

    def __init__(self, queue: _Queue, at: float, callback: Callable[[], object]) -> None:
        self._queue = queue
        self.at = at
        self.callback = callback

    def cancel(self) -> None:
        """Cancel the timeout, unless it has expired."""
        self._queue.timeouts.discard(self)


class _Queue:
    """The timeouts of one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.timeouts: set[Timeout] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._expires_at = math.inf

    def set(self, seconds: float, callback: Callable[[], object]) -> Timeout:
        timeout = Timeout(self, self.loop.time() + seconds, callback)
        self.timeouts.add(timeout)
        if timeout.at < self._expires_at:
            self._arm(timeout.at)
        return timeout

    def _arm(self, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self.loop.call_at(at, self._expire)
        self._expires_at = at

    def _expire(self) -> None:
        # Timers of the event loop fire up to a millisecond early.
        due = [timeout for timeout in self.timeouts if timeout.at <= self._expires_at]
        self.timeouts.difference_update(due)
        self._timer, self._expires_at = None, math.inf
        if self.timeouts:
            self._arm(min(timeout.at for timeout in self.timeouts))
        for timeout in due:
            timeout.callback()


class _Current(threading.local):
    """The timeouts of the event loop that this thread runs, or ran last."""

    queue: _Queue | None = None


_CURRENT: Final = _Current()


def set_timeout(seconds: float, callback: Callable[[], object]) -> Timeout:
    """Call `callback` on the running event loop after `seconds`, unless it is cancelled."""
    loop, queue = asyncio.get_running_loop(), _CURRENT.queue
    if queue is None or queue.loop is not loop:
        queue = _CURRENT.queue = _Queue(loop)
    return queue.set(seconds, callback)


async def wait_for(seconds: float, work: Awaitable[T]) -> T:
    """Await `work` with a timeout, as `asyncio.timeout` does.

    Raises:
        TimeoutError: it took longer than `seconds`, and was cancelled.
    """
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 — a coroutine runs in a task
    cancelling, late = task.cancelling(), False

    def expire() -> None:
        nonlocal late
        late = True
        task.cancel()

    timeout = set_timeout(seconds, expire)
    try:
        return await work
    except asyncio.CancelledError:
        # Another cancellation at the same time takes precedence.
        if late and task.uncancel() <= cancelling:
            raise TimeoutError from None
        raise
    finally:
        timeout.cancel()
