"""Batches without a clock: an idle model answers at once; while it runs, requests gather.

The next run takes what is there, up to `max_batch_size` rows. The queue is bounded in rows. A
caller who left is skipped, a list longer than a batch is split, and a batch that fails fails only
the rows in it.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from service.errors import InferenceFailed, NotReady, Overloaded, ServiceError

logger = logging.getLogger(__name__)

Row = TypeVar("Row")
Answer = TypeVar("Answer")
Worker = Callable[[list[Row]], Sequence[Answer | Exception]]
"""Answers a batch, row by row; an exception in a row's place fails that row alone."""


class _Request(Generic[Row, Answer]):
    """One caller's rows and the answers as they come."""

    __slots__ = ("answers", "future", "left", "rows", "waiting")

    def __init__(
        self, rows: Sequence[Row], future: asyncio.Future[list[Answer | Exception]]
    ) -> None:
        self.rows = rows
        self.answers: list[Any] = [None] * len(rows)
        self.future = future
        self.waiting = len(rows)
        self.left = False

    def put(self, index: int, answer: Answer | Exception) -> bool:
        """Take one row's answer; true when it was the last."""
        self.answers[index] = answer
        self.waiting -= 1
        return self.waiting == 0

    def resolve(self) -> None:
        """Hand the answers over; runs on the event loop."""
        if not self.future.done():
            self.future.set_result(self.answers)


class Batcher(Generic[Row, Answer]):
    """Gathers rows for `workers`, each called on a thread of its own, as they become free."""

    def __init__(
        self,
        workers: Sequence[Worker[Row, Answer]],
        *,
        name: str,
        max_batch_size: int,
        max_queue: int,
        observe: Callable[[int], None] = lambda rows: None,
    ) -> None:
        """Start one thread a worker. `observe` is told the rows of each batch."""
        self._max_batch_size = max_batch_size
        self._max_queue = max_queue
        self._observe = observe
        self._queue: deque[tuple[_Request[Row, Answer], int]] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._lock = threading.Lock()
        self._threads = [
            threading.Thread(
                target=self._serve, args=(worker,), name=f"{name}-{index}", daemon=True
            )
            for index, worker in enumerate(workers)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def queued(self) -> int:
        """Rows that wait."""
        return len(self._queue)

    async def submit(self, rows: Sequence[Row]) -> list[Answer | Exception]:
        """The answers to `rows`, in their order; an exception stands for a row that failed.

        Raises:
            Overloaded: the queue has no room for them.
            NotReady: the batcher is closed.
        """
        if not rows:
            return []
        loop = asyncio.get_running_loop()
        request: _Request[Row, Answer] = _Request(rows, loop.create_future())
        self._enqueue(request)
        try:
            return await request.future
        finally:
            request.left = True

    def _enqueue(self, request: _Request[Row, Answer]) -> None:
        with self._changed:
            if self._closed:
                raise NotReady("the model is being unloaded")
            if len(self._queue) + len(request.rows) > self._max_queue:
                raise Overloaded(
                    f"{len(self._queue)} rows wait for this model and it takes {self._max_queue}: "
                    "try again in a moment"
                )
            self._queue.extend((request, index) for index in range(len(request.rows)))
            self._changed.notify()

    async def close(self) -> None:
        """Refuse new rows, answer those that wait, end the threads."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads:
            await asyncio.to_thread(thread.join)

    def _serve(self, worker: Worker[Row, Answer]) -> None:
        while batch := self._take():
            self._observe(len(batch))
            self._deliver(batch, _run(worker, [request.rows[index] for request, index in batch]))

    def _take(self) -> list[tuple[_Request[Row, Answer], int]]:
        """Wait for rows and take a batch; empty when closed and nothing waits."""
        with self._changed:
            while True:
                batch: list[tuple[_Request[Row, Answer], int]] = []
                while self._queue and len(batch) < self._max_batch_size:
                    entry = self._queue.popleft()
                    if not entry[0].left:
                        batch.append(entry)
                if batch or self._closed:
                    if self._queue:
                        self._changed.notify()  # rows remain for another worker
                    return batch
                self._changed.wait()

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
        if complete:
            # One wake-up of the event loop for the whole batch.
            loop = complete[0].future.get_loop()
            loop.call_soon_threadsafe(_resolve, complete)


def _run(worker: Worker[Row, Answer], rows: list[Row]) -> Sequence[Answer | Exception]:
    try:
        return worker(rows)
    except ServiceError as error:
        return [type(error)(error.message, param=error.param) for _ in rows]
    except Exception:
        # The caller learns that it failed; why is for the operator's eyes.
        logger.exception("a batch of %d rows failed", len(rows))
        message = "the model failed on this batch; the service's log says why"
        return [InferenceFailed(message) for _ in rows]


def _resolve(requests: list[_Request[Row, Answer]]) -> None:
    for request in requests:
        request.resolve()
