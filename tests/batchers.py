"""A batcher over test workers, one that waits to be let, and what must hold after it is closed."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from service.batching.batcher import Batcher

PATIENCE_S = 30


class Gate:
    """A worker that negates its rows, once it is let; keeps the batches it was given."""

    def __init__(self, *, open_at_start: bool = False) -> None:
        self.batches: list[list[int]] = []
        self.entered = threading.Semaphore(0)
        self._open = threading.Event()
        if open_at_start:
            self._open.set()

    def __call__(self, rows: list[int]) -> list[int]:
        self.batches.append(rows)
        self.entered.release()
        assert self._open.wait(PATIENCE_S)
        return [-row for row in rows]

    def open(self) -> None:
        self._open.set()

    async def is_busy(self) -> None:
        """Wait until a batch is being run."""
        assert await asyncio.to_thread(self.entered.acquire, timeout=PATIENCE_S)


def serve(
    use: Callable[[Batcher[Any, Any]], Awaitable[None]],
    *workers: Callable[[list[Any]], Sequence[Any]],
    max_batch_size: int = 8,
    max_queue: int = 100,
    observe: Callable[[int], None] = lambda rows: None,
) -> None:
    """Run `use` on a batcher over `workers`, then close it."""

    async def run() -> None:
        batcher: Batcher[Any, Any] = Batcher(
            workers,
            name="test",
            max_batch_size=max_batch_size,
            max_queue=max_queue,
            observe_batch=lambda rows, seconds: observe(rows),
        )
        try:
            await asyncio.wait_for(use(batcher), PATIENCE_S)
        finally:
            for worker in workers:
                if isinstance(worker, Gate):
                    worker.open()
            await batcher.close()

    asyncio.run(run())


async def settle() -> None:
    """Let tasks that were just made reach their first wait."""
    for _ in range(3):
        await asyncio.sleep(0)


@contextmanager
def no_thread_left() -> Iterator[None]:
    """The batcher's threads that were started inside have ended when it is left."""
    before = set(threading.enumerate())
    yield
    left = [t.name for t in set(threading.enumerate()) - before if t.name.startswith("test-")]
    assert not left
