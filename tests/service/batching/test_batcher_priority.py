"""Requests of a higher priority go first, and what each took is told."""

from __future__ import annotations

import asyncio

from service.batching.batcher import Batcher
from tests.batchers import Gate


def test_priorities_order_those_that_wait() -> None:
    async def run() -> list[str]:
        gate = Gate()
        order: list[str] = []
        batcher: Batcher[int, int] = Batcher([gate], name="t", max_batch_size=1, max_queue=100)

        async def ask(name: str, priority: int) -> None:
            await batcher.submit([len(order)], priority)
            order.append(name)

        tasks = [asyncio.create_task(ask("busy", 0))]
        await gate.is_busy()
        asked = [("last", 0), ("low", 9), ("high", 1), ("low too", 9), ("high too", 1), ("end", 0)]
        for name, priority in asked:
            tasks.append(asyncio.create_task(ask(name, priority)))
            await asyncio.sleep(0)
        gate.open()
        await asyncio.gather(*tasks)
        await batcher.close()
        return order

    order = asyncio.run(run())
    assert order == ["busy", "high", "high too", "low", "low too", "last", "end"]


def test_what_a_request_took_is_told() -> None:
    async def run() -> None:
        gate, told = Gate(), list[tuple[float, float, bool]]()
        batches = list[tuple[int, float]]()
        batcher: Batcher[int, int] = Batcher(
            [gate],
            name="t",
            max_batch_size=8,
            max_queue=100,
            observe_batch=lambda *batch: batches.append(batch),
            observe_request=lambda *request: told.append(request),
        )
        first = asyncio.create_task(batcher.submit([1, 2]))
        await gate.is_busy()
        second = asyncio.create_task(batcher.submit([3]))
        leaving = asyncio.create_task(batcher.submit([4]))
        await asyncio.sleep(0.1)
        leaving.cancel()
        await asyncio.sleep(0)
        gate.open()
        await asyncio.gather(first, second)
        await batcher.close()
        assert [rows for rows, _ in batches] == [2, 1]
        assert batches[0][1] > 0.09
        assert [ok for *_, ok in told] == [False, True, True]
        gone, ran, waited = told
        assert gone[0] == gone[1] > 0.09, "one that left has waited all its time"
        assert ran[0] > 0.09 > ran[1]
        assert waited[1] > 0.09

    asyncio.run(run())
