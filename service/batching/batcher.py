"""Dynamic batching without a delay timer.

An idle model answers at once. While it runs, requests wait in a queue, and the next batch takes up
to `max_batch_size` of their rows. Where rows differ in cost, a batch is bounded in weight too. The
queue is bounded in rows. When a caller disconnects, its rows leave the queue. A request with more
rows than a batch is split, and a batch that fails fails only its own rows.
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
BatchFunction = Callable[[list[Row]], Sequence[Answer | Exception]]
"""Computes the answers of a batch; an exception in place of an answer fails that row alone."""


class _Request(Generic[Row, Answer]):
    """The rows of one request, and their answers so far."""

    __slots__ = ("answers", "begun_at", "future", "pending", "priority", "rows", "taken")

    def __init__(
        self,
        rows: Sequence[Row],
        future: asyncio.Future[list[Answer | Exception]],
        priority: int,
    ) -> None:
        self.rows = rows
        self.priority = priority
        self.begun_at = 0.0
        """When its first rows left the queue, by `time.perf_counter`."""
        self.answers: list[Any] = [None] * len(rows)
        self.future = future
        self.pending = len(rows)
        """Rows without an answer yet."""
        self.taken = 0
        """Rows that have left the queue, in their order."""

    def put(self, index: int, answer: Answer | Exception) -> bool:
        """Store one row's answer; returns whether it was the last."""
        self.answers[index] = answer
        self.pending -= 1
        return self.pending == 0

    def resolve(self) -> None:
        """Complete the future; runs on the event loop."""
        if not self.future.done():
            self.future.set_result(self.answers)


class Batcher(Generic[Row, Answer]):
    """Batches rows for `functions`, each called on a thread of its own.

    Its methods are called on one event loop. With `on_loop`, for one function, batches run on that
    loop too: where a model is so fast that waking a thread costs more.
    """

    def __init__(
        self,
        functions: Sequence[BatchFunction[Row, Answer]],
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
        """Start a thread for each function, or none with `on_loop`.

        Args:
            functions: copies of the model, which run side by side.
            name: of the threads.
            max_batch_size: rows of a batch.
            max_queue: rows that may wait.
            weigh: the weight of a row; None where rows cost the same.
            max_weight: of a batch, unless it has one row.
            on_loop: run batches on the event loop.
            observe_batch: called after each batch with its rows and seconds.
            observe_request: called after each request with its seconds, the seconds of them in the
                queue, and whether all rows were answered.
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
        """Threads that wait for rows."""
        self._closed = False
        self._waking = False
        self._lock = threading.Lock()
        self._on_loop = functions[0] if on_loop else None
        self._threads = [
            threading.Thread(
                target=self._run_batches, args=(each,), name=f"{name}-{index}", daemon=True
            )
            for index, each in enumerate(functions)
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
        """Rows in the queue."""
        return self._queued

    async def submit(self, rows: Sequence[Row], priority: int = 0) -> list[Answer | Exception]:
        """The answers of `rows`, in their order, with an exception for each row that failed.

        Priority 1 is served first, then 2 and so on; priority 0 is served last.

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
            if request.taken < len(rows):  # the caller disconnected
                self._withdraw(request)
            queued_s = (request.begun_at or ended_at) - started_at
            self._observe_request(ended_at - started_at, queued_s, ok)

    def _enqueue(self, request: _Request[Row, Answer]) -> None:
        with self._changed:
            if self._closed:
                raise NotReady("the model is being unloaded")
            if self._queued + len(request.rows) > self._max_queue:
                raise Overloaded(
                    f"the model's queue has {self._queued} of at most {self._max_queue} rows, and "
                    f"this request has {len(request.rows)}: try again in a moment"
                )
            self._queue.insert(self._position(request.priority), request)
            self._queued += len(request.rows)

    def _position(self, priority: int) -> int:
        """The place in the queue: behind every request of the same or a higher priority."""
        position = len(self._queue)
        if priority:
            while position and _yields_to(self._queue[position - 1], priority):
                position -= 1
        return position

    def _wake_soon(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start a batch once the loop has handled its pending events, whose requests then share
        the batch.
        """
        if not self._waking:
            self._waking = True
            loop.call_soon(self._wake, loop, self._queued)

    def _wake(self, loop: asyncio.AbstractEventLoop, seen: int) -> None:
        if seen < self._queued < self._max_batch_size:
            loop.call_soon(self._wake, loop, self._queued)  # more requests are arriving
            return
        self._waking = False
        if self._on_loop is None:
            with self._changed:
                self._changed.notify()
        elif self._run_batch(self._on_loop) and self._queue:
            self._wake_soon(loop)  # the loop handles other events between two batches

    def _withdraw(self, request: _Request[Row, Answer]) -> None:
        """Remove the rows of a caller that disconnected."""
        with self._changed:
            if request.taken < len(request.rows):
                self._queue.remove(request)
                self._queued -= len(request.rows) - request.taken

    async def close(self) -> None:
        """Refuse new rows, answer the queued ones, and end the threads."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        while self._on_loop is not None and self._queue:
            self._run_batch(self._on_loop)
        for thread in self._threads:
            await asyncio.to_thread(thread.join)

    def _run_batches(self, function: BatchFunction[Row, Answer]) -> None:
        while self._run_batch(function):
            pass

    def _run_batch(self, function: BatchFunction[Row, Answer]) -> bool:
        """Run one batch; returns false after the last."""
        # A call of its own, so that a waiting thread keeps no reference to its last batch.
        batch = self._take()
        if batch:
            started_at = time.perf_counter()
            answers = _answers(function, [request.rows[index] for request, index in batch])
            self._observe_batch(len(batch), time.perf_counter() - started_at)
            self._deliver(batch, answers)
        return bool(batch)

    def _take(self) -> list[tuple[_Request[Row, Answer], int]]:
        """Take a batch from the queue, waiting on a thread; empty when closed and drained."""
        batch: list[tuple[_Request[Row, Answer], int]] = []
        with self._changed:
            if self._on_loop is None:
                self._idle += 1
                self._changed.wait_for(lambda: self._queue or self._closed)
                self._idle -= 1
            # Leave a share for each idle thread.
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
                self._changed.notify()  # rows remain for another thread
        return batch

    def _fitting(self, rows: Sequence[Row], start: int, end: int, weight: int) -> tuple[int, int]:
        """Add rows to a batch; returns its new weight and the first row left out."""
        assert self._weigh is not None  # noqa: S101 — the caller checked
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
        # Two threads may hold rows of one request, so its count needs the lock.
        with self._lock:
            complete = [
                request
                for (request, index), answer in zip(batch, answers, strict=True)
                if request.put(index, answer)
            ]
        if self._on_loop is not None:
            _resolve(complete)
        elif complete:
            # Wake the event loop once for the whole batch. A closed loop has no callers left and
            # must not end this thread.
            loop = complete[0].future.get_loop()
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(_resolve, complete)


def _answers(function: BatchFunction[Row, Answer], rows: list[Row]) -> Sequence[Answer | Exception]:
    try:
        answers = function(rows)
        if len(answers) != len(rows):
            raise ValueError(f"the model gave {len(answers)} answers for {len(rows)} rows")
        return answers
    except RequestError as error:
        return [type(error)(error.message, param=error.param) for _ in rows]
    except Exception:
        # The caller learns that it failed; the reason is logged for the operator.
        logger.exception("a batch of %d rows failed", len(rows))
        message = "the model failed on this batch; the service's log says why"
        return [InferenceFailed(message) for _ in rows]


def _yields_to(request: _Request[Any, Any], priority: int) -> bool:
    """Whether a request of `priority` may go before a queued one, which has not begun."""
    return not request.taken and not 0 < request.priority <= priority


def _resolve(requests: list[_Request[Row, Answer]]) -> None:
    for request in requests:
        request.resolve()
