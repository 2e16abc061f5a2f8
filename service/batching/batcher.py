"""Batches without a clock: an idle model answers at once; requests that come together share a run.

A run takes what is there, up to `max_batch_size` rows; while one goes on, requests gather. Where
rows differ in what they cost, a run is bounded in their weight too. The queue is bounded in rows.
A caller who leaves takes its rows along, a list longer than a batch is split, and a batch that
fails fails only the rows in it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from service.errors import InferenceFailed, NotReady, Overloaded, RequestError

logger = logging.getLogger(__name__)

Row = TypeVar("Row")
Answer = TypeVar("Answer")
Worker = Callable[[list[Row]], Sequence[Answer | Exception]]
"""Answers a batch, row by row; an exception in a row's place fails that row alone."""


class _Request(Generic[Row, Answer]):
    """One caller's rows and the answers as they come."""

    __slots__ = ("answers", "begun_at", "future", "open", "priority", "rows", "taken")

    def __init__(
        self,
        rows: Sequence[Row],
        future: asyncio.Future[list[Answer | Exception]],
        priority: int,
    ) -> None:
        self.rows = rows
        self.priority = priority
        self.begun_at = 0.0
        """When its first rows were taken, by the clock of `time.perf_counter`."""
        self.answers: list[Any] = [None] * len(rows)
        self.future = future
        self.open = len(rows)
        """Rows not answered yet."""
        self.taken = 0
        """Rows that are no longer in the queue; they leave it in their order."""

    def put(self, index: int, answer: Answer | Exception) -> bool:
        """Take one row's answer; true when it was the last."""
        self.answers[index] = answer
        self.open -= 1
        return self.open == 0

    def resolve(self) -> None:
        """Hand the answers over; runs on the event loop."""
        if not self.future.done():
            self.future.set_result(self.answers)


class Batcher(Generic[Row, Answer]):
    """Gathers rows for `workers`, each called on a thread of its own, as they become free.

    Its methods are called on one event loop. A worker so quick that waking a thread costs more is
    better called on that loop itself: `on_loop`, for one worker.
    """

    def __init__(
        self,
        workers: Sequence[Worker[Row, Answer]],
        *,
        name: str,
        max_batch_size: int,
        max_queue: int,
        weigh: Callable[[Row], int] | None = None,
        max_weight: int = 0,
        on_loop: bool = False,
        observe_batch: Callable[[int, float], None] = lambda rows, seconds: None,
        observe_request: Callable[[float, float, bool], None] = lambda seconds, queued_s, ok: None,
    ) -> None:
        """Start one thread a worker, or none.

        With `weigh` the rows of a batch weigh `max_weight` at most, or there is but one.

        `observe_batch` is told the rows and the seconds of each batch, `observe_request` of each
        request the seconds until its answer, those it waited of them, and whether it is good.
        """
        self._max_batch_size = max_batch_size
        self._max_queue = max_queue
        self._weigh = weigh
        self._max_weight = max_weight
        self._observe_batch = observe_batch
        self._observe_request = observe_request
        self._queue: deque[_Request[Row, Answer]] = deque()
        self._queued = 0
        self._changed = threading.Condition()
        self._idle = 0
        """Workers that wait on their threads."""
        self._closed = False
        self._waking = False
        self._lock = threading.Lock()
        self._on_loop = workers[0] if on_loop else None
        self._threads = [
            threading.Thread(
                target=self._serve, args=(worker,), name=f"{name}-{index}", daemon=True
            )
            for index, worker in enumerate(workers)
            if not on_loop
        ]
        for thread in self._threads:
            thread.start()

    @property
    def on_loop(self) -> bool:
        """Whether batches run on the event loop, not on threads of their own."""
        return self._on_loop is not None

    @property
    def queued(self) -> int:
        """Rows that wait."""
        return self._queued

    async def submit(self, rows: Sequence[Row], priority: int = 0) -> list[Answer | Exception]:
        """The answers to `rows`, in their order; an exception stands for a row that failed.

        Those of priority 1 go before those of 2, and so on; those of 0 go last.

        Raises:
            Overloaded: the queue has no room for them.
            NotReady: the batcher is closed.
        """
        if not rows:
            return []
        loop = asyncio.get_running_loop()
        request: _Request[Row, Answer] = _Request(rows, loop.create_future(), priority)
        started_at, ok = time.perf_counter(), False
        self._enqueue(request)
        self._wake_soon(loop)
        try:
            answers = await request.future
            ok = not any(isinstance(answer, Exception) for answer in answers)
            return answers
        finally:
            ended_at = time.perf_counter()
            if request.taken < len(rows):  # the caller leaves before its turn
                self._withdraw(request)
            queued_s = (request.begun_at or ended_at) - started_at
            self._observe_request(ended_at - started_at, queued_s, ok)

    def _enqueue(self, request: _Request[Row, Answer]) -> None:
        with self._changed:
            if self._closed:
                raise NotReady("the model is being unloaded")
            if self._queued + len(request.rows) > self._max_queue:
                raise Overloaded(
                    f"{self._queued} rows wait for this model, which lets {self._max_queue} wait; "
                    f"this request has {len(request.rows)}: try again in a moment"
                )
            self._queue.insert(self._place(request.priority), request)
            self._queued += len(request.rows)

    def _place(self, priority: int) -> int:
        """Behind every request of the same priority or a higher one."""
        place = len(self._queue)
        if priority:
            while place and _gives_way(self._queue[place - 1], priority):
                place -= 1
        return place

    def _wake_soon(self, loop: asyncio.AbstractEventLoop) -> None:
        """Wake a worker after what the loop has at hand now: those requests then share a batch,
        and nobody waits for a clock.
        """
        if not self._waking:
            self._waking = True
            loop.call_soon(self._wake, loop, self._queued)

    def _wake(self, loop: asyncio.AbstractEventLoop, seen: int) -> None:
        if seen < self._queued < self._max_batch_size:
            loop.call_soon(self._wake, loop, self._queued)  # more are coming in
            return
        self._waking = False
        if self._on_loop is None:
            with self._changed:
                self._changed.notify()
        elif self._serve_batch(self._on_loop) and self._queue:
            self._wake_soon(loop)  # others have their turn between two batches

    def _withdraw(self, request: _Request[Row, Answer]) -> None:
        """Drop the rows of a caller who left: nobody reads their answers, others need the room."""
        with self._changed:
            if request.taken < len(request.rows):
                self._queue.remove(request)
                self._queued -= len(request.rows) - request.taken

    async def close(self) -> None:
        """Refuse new rows, answer those that wait, end the threads."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        while self._on_loop is not None and self._queue:
            self._serve_batch(self._on_loop)
        for thread in self._threads:
            await asyncio.to_thread(thread.join)

    def _serve(self, worker: Worker[Row, Answer]) -> None:
        while self._serve_batch(worker):
            pass

    def _serve_batch(self, worker: Worker[Row, Answer]) -> bool:
        """Answer one batch; false when there will be no more."""
        # A call of its own, so that a thread that waits keeps nothing of its last batch alive.
        batch = self._take()
        if batch:
            started_at = time.perf_counter()
            answers = _run(worker, [request.rows[index] for request, index in batch])
            self._observe_batch(len(batch), time.perf_counter() - started_at)
            self._deliver(batch, answers)
        return bool(batch)

    def _take(self) -> list[tuple[_Request[Row, Answer], int]]:
        """Take a batch, waiting for it on a thread; empty when closed and nothing waits."""
        batch: list[tuple[_Request[Row, Answer], int]] = []
        with self._changed:
            if self._on_loop is None:
                self._idle += 1
                self._changed.wait_for(lambda: self._queue or self._closed)
                self._idle -= 1
            # Workers that have nothing to do take their share.
            most = min(self._max_batch_size, math.ceil(self._queued / (1 + self._idle)))
            weight = 0
            while self._queue and len(batch) < most:
                request = self._queue[0]
                start = request.taken
                end = min(start + most - len(batch), len(request.rows))
                if self._weigh is not None:
                    weight, end = self._fitting(request.rows, start, end, weight)
                if end == start:
                    break
                if not start:
                    request.begun_at = time.perf_counter()
                request.taken = end
                batch.extend((request, index) for index in range(start, end))
                if end == len(request.rows):
                    self._queue.popleft()
            self._queued -= len(batch)
            if self._queue:
                self._changed.notify()  # rows remain for another worker
        return batch

    def _fitting(self, rows: Sequence[Row], start: int, end: int, weight: int) -> tuple[int, int]:
        """Add rows to a batch of a weight: its weight then, and the first row that stays behind."""
        assert self._weigh is not None  # noqa: S101 — whose caller asked
        for index in range(start, end):
            heavier = weight + self._weigh(rows[index])
            if weight and heavier > self._max_weight:
                return weight, index
            weight = heavier
        return weight, end

    def _deliver(
        self,
        batch: list[tuple[_Request[Row, Answer], int]],
        answers: Sequence[Answer | Exception],
    ) -> None:
        # Two workers may hold rows of one request, so counting its rows takes the lock.
        with self._lock:
            complete = [
                request
                for (request, index), answer in zip(batch, answers, strict=True)
                if request.put(index, answer)
            ]
        if self._on_loop is not None:
            _resolve(complete)
        elif complete:
            # One wake-up of the event loop for the whole batch; a loop that has closed meanwhile
            # has no callers left, and must not end this thread.
            loop = complete[0].future.get_loop()
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(_resolve, complete)


def _run(worker: Worker[Row, Answer], rows: list[Row]) -> Sequence[Answer | Exception]:
    try:
        answers = worker(rows)
        if len(answers) != len(rows):
            raise ValueError(f"the worker gave {len(answers)} answers to {len(rows)} rows")
        return answers
    except RequestError as error:
        return [type(error)(error.message, param=error.param) for _ in rows]
    except Exception:
        # The caller learns that it failed; why is for the operator's eyes.
        logger.exception("a batch of %d rows failed", len(rows))
        message = "the model failed on this batch; the service's log says why"
        return [InferenceFailed(message) for _ in rows]


def _gives_way(request: _Request[Any, Any], priority: int) -> bool:
    """Whether a waiting request lets one of `priority` before it; one that has begun does not."""
    return not request.taken and not 0 < request.priority <= priority


def _resolve(requests: list[_Request[Row, Answer]]) -> None:
    for request in requests:
        request.resolve()
