"""Alarms that hardly ever ring: what each request sets on its way in and takes back on its way out.

All alarms of an event loop share one timer, which stands for the soonest of them. A request's own
timer costs 2 µs, `asyncio.timeout` 5, and a request has three: a tenth of a small model's answer.
"""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

T = TypeVar("T")


class Alarm:
    """One alarm; taken back by `cancel`."""

    __slots__ = ("_clock", "at", "ring")

    def __init__(self, clock: _Clock, at: float, ring: Callable[[], object]) -> None:
        self._clock = clock
        self.at = at
        self.ring = ring

    def cancel(self) -> None:
        """Take it back; nothing happens where it has rung."""
        self._clock.alarms.discard(self)


class _Clock:
    """The alarms of one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.alarms: set[Alarm] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._rings_at = math.inf

    def set(self, seconds: float, ring: Callable[[], object]) -> Alarm:
        alarm = Alarm(self, self.loop.time() + seconds, ring)
        self.alarms.add(alarm)
        if alarm.at < self._rings_at:
            self._wind(alarm.at)
        return alarm

    def _wind(self, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self.loop.call_at(at, self._ring)
        self._rings_at = at

    def _ring(self) -> None:
        # A loop's timers go off up to a millisecond early.
        due = [alarm for alarm in self.alarms if alarm.at <= self._rings_at]
        self.alarms.difference_update(due)
        self._timer, self._rings_at = None, math.inf
        if self.alarms:
            self._wind(min(alarm.at for alarm in self.alarms))
        for alarm in due:
            alarm.ring()


class _Current(threading.local):
    """The clock of the event loop that this thread runs, or ran last."""

    clock: _Clock | None = None


_CURRENT: Final = _Current()


def set_alarm(seconds: float, ring: Callable[[], object]) -> Alarm:
    """Have the running event loop call `ring` in so many seconds, unless it is taken back."""
    loop, clock = asyncio.get_running_loop(), _CURRENT.clock
    if clock is None or clock.loop is not loop:
        clock = _CURRENT.clock = _Clock(loop)
    return clock.set(seconds, ring)


async def within(seconds: float, work: Awaitable[T]) -> T:
    """What `work` gives, as `asyncio.timeout` would have it.

    Raises:
        TimeoutError: it has given nothing in so many seconds, and is cancelled.
    """
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 — a coroutine runs in a task
    cancelling, late = task.cancelling(), False

    def ring() -> None:
        nonlocal late
        late = True
        task.cancel()

    alarm = set_alarm(seconds, ring)
    try:
        return await work
    except asyncio.CancelledError:
        # Somebody else may have cancelled it at the same time, which goes before.
        if late and task.uncancel() <= cancelling:
            raise TimeoutError from None
        raise
    finally:
        alarm.cancel()
