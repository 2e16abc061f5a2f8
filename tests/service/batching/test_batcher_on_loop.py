"""A batcher whose worker runs on the event loop: the same promises without a thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from service.batching.batcher import Batcher
from service.errors import InferenceFailed, NotReady, Overloaded


def serve(
    use: Callable[[Batcher[int, int]], Awaitable[None]],
    worker: Callable[[list[int]], list[Any]],
    max_queue: int = 100,
) -> None:
    async def run() -> None:
        batcher: Batcher[int, int] = Batcher(
            [worker], name="test", max_batch_size=8, max_queue=max_queue, on_loop=True
        )
        await asyncio.wait_for(use(batcher), 30)
        await batcher.close()

    asyncio.run(run())


def test_requests_of_one_turn_share_batches_and_come_back_in_order() -> None:
    batches: list[list[int]] = []

    def negate(rows: list[int]) -> list[int]:
        assert threading.current_thread() is threading.main_thread()
        batches.append(rows)
        return [-row for row in rows]

    async def use(batcher: Batcher[int, int]) -> None:
        before = threading.active_count()
        requests = [list(range(start, start + 3)) for start in range(0, 30, 3)]
        answers = await asyncio.gather(*map(batcher.submit, requests))
        assert answers == [[-row for row in rows] for rows in requests]
        assert [len(batch) for batch in batches] == [8, 8, 8, 6]
        assert await batcher.submit(list(range(20))) == [-row for row in range(20)]
        assert threading.active_count() == before

    serve(use, negate)


def test_others_have_their_turn_between_two_batches() -> None:
    turns: list[str] = []

    def record(rows: list[int]) -> list[int]:
        turns.append("batch")
        return rows

    async def use(batcher: Batcher[int, int]) -> None:
        loop = asyncio.get_running_loop()

        def other() -> None:
            turns.append("other")
            if len(turns) < 8:
                loop.call_soon(other)

        loop.call_soon(other)
        await batcher.submit(list(range(24)))

    serve(use, record)
    first, last = turns.index("batch"), len(turns) - turns[::-1].index("batch")
    assert "other" in turns[first:last]


def test_failures_and_limits_are_those_of_any_batcher() -> None:
    def fragile(rows: list[int]) -> list[int]:
        if 13 in rows:
            raise RuntimeError("thirteen")
        return rows

    async def use(batcher: Batcher[int, int]) -> None:
        [failed] = await batcher.submit([13])
        assert isinstance(failed, InferenceFailed)
        assert await batcher.submit([1, 2]) == [1, 2]
        with pytest.raises(Overloaded):
            await batcher.submit(list(range(11)))
        leaving = asyncio.create_task(batcher.submit(list(range(10))))
        await asyncio.sleep(0)
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)
        assert batcher.queued == 0, "the rows of who left made room"
        assert await batcher.submit([3]) == [3]

    serve(use, fragile, max_queue=10)


def test_closing_answers_what_waits() -> None:
    async def use(batcher: Batcher[int, int]) -> None:
        waiting = asyncio.create_task(batcher.submit(list(range(20))))
        await asyncio.sleep(0)
        await batcher.close()
        assert await waiting == list(range(20))
        with pytest.raises(NotReady):
            await batcher.submit([1])

    serve(use, lambda rows: rows)
