"""Alarms ring when they should, whatever others are set or taken back."""

from __future__ import annotations

import asyncio
import time
from functools import partial

import pytest

from service.machine.timeouts import set_timeout, wait_for


async def forever() -> None:
    await asyncio.Event().wait()


def test_they_ring_in_their_order_and_not_before_their_time() -> None:
    async def run() -> list[tuple[float, float]]:
        begun = time.perf_counter()
        rung: list[tuple[float, float]] = []

        def ring(wanted: float) -> None:
            rung.append((wanted, time.perf_counter() - begun))

        for wanted in (0.09, 0.03, 0.06, 0.03):
            set_timeout(wanted, partial(ring, wanted))
        await asyncio.sleep(0.2)
        return rung

    rung = asyncio.run(run())
    assert [wanted for wanted, _ in rung] == [0.03, 0.03, 0.06, 0.09]
    for wanted, took in rung:
        assert wanted - 0.002 <= took < wanted + 0.1


def test_one_taken_back_does_not_ring_and_the_next_one_does() -> None:
    async def run() -> list[str]:
        rung: list[str] = []
        first = set_timeout(0.02, lambda: rung.append("first"))
        set_timeout(0.06, lambda: rung.append("second"))
        first.cancel()
        await asyncio.sleep(0.15)
        first.cancel()
        return rung

    assert asyncio.run(run()) == ["second"]


def test_one_that_sets_another_rings_on() -> None:
    async def run() -> int:
        rung = 0

        def ring() -> None:
            nonlocal rung
            rung += 1
            set_timeout(0.01, ring)

        set_timeout(0.01, ring)
        await asyncio.sleep(0.2)
        return rung

    assert asyncio.run(run()) >= 3


def test_work_in_time_gives_what_it_gives() -> None:
    async def work() -> int:
        await asyncio.sleep(0.01)
        return 7

    assert asyncio.run(wait_for(5, work())) == 7


def test_work_that_takes_too_long_is_cancelled() -> None:
    ended: list[str] = []

    async def work() -> None:
        try:
            await forever()
        finally:
            ended.append("cancelled")

    async def run() -> str:
        with pytest.raises(TimeoutError):
            await wait_for(0.02, work())
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0
        await asyncio.sleep(0)  # raises where a cancellation were left over
        return "goes on"

    assert asyncio.run(run()) == "goes on"
    assert ended == ["cancelled"]


def test_of_two_the_sooner_counts() -> None:
    async def run() -> str:
        try:
            await wait_for(0.02, wait_for(5, forever()))
        except TimeoutError:
            return "outer"
        return "none"

    async def turned() -> str:
        async def inner() -> str:
            with pytest.raises(TimeoutError):
                await wait_for(0.02, forever())
            return "inner"

        return await wait_for(5, inner())

    assert asyncio.run(run()) == "outer"
    assert asyncio.run(turned()) == "inner"


def test_a_caller_who_leaves_is_no_timeout() -> None:
    async def run() -> None:
        task = asyncio.create_task(wait_for(5, forever()))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())


def test_an_error_of_the_work_is_its_own() -> None:
    async def work() -> None:
        raise ValueError("its own")

    with pytest.raises(ValueError, match="its own"):
        asyncio.run(wait_for(5, work()))


def test_every_loop_has_its_own() -> None:
    async def run() -> bool:
        with pytest.raises(TimeoutError):
            await wait_for(0.02, forever())
        set_timeout(60, lambda: None)  # is left behind when the loop ends
        return True

    assert all(asyncio.run(run()) for _ in range(3))
