"""Two works of one request, which end together."""

from __future__ import annotations

import asyncio

import pytest

from service.embedding import both
from service.errors import InvalidInput


async def _given(value: int) -> int:
    await asyncio.sleep(0)
    return value


async def _refused() -> int:
    await asyncio.sleep(0)
    raise InvalidInput("no")


class _Endless:
    """Work that says when it began and when it ended."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.ended = asyncio.Event()

    async def __call__(self) -> None:
        self.begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.ended.set()


def test_both_give_what_each_gives() -> None:
    async def ask() -> tuple[int, int]:
        return await both(_given(1), _given(2))

    assert asyncio.run(ask()) == (1, 2)


def test_nothing_goes_on_once_one_of_both_has_failed() -> None:
    other = _Endless()

    async def ask() -> None:
        with pytest.raises(InvalidInput):
            await both(_refused(), other())
        assert other.ended.is_set()

    asyncio.run(ask())


def test_nothing_goes_on_once_the_caller_has_hung_up() -> None:
    one, other = _Endless(), _Endless()

    async def ask() -> None:
        asked = asyncio.ensure_future(both(one(), other()))
        await one.begun.wait()
        await other.begun.wait()
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        assert one.ended.is_set()
        assert other.ended.is_set()

    asyncio.run(ask())
