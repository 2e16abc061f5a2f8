"""The batcher when things fail: who is not harmed, what callers are told, what is let go."""

from __future__ import annotations

import asyncio
import itertools
import weakref
from contextlib import suppress

import numpy as np
import pytest

from service.batching.batcher import Batcher
from service.errors import InferenceFailed, InvalidImage, InvalidInput
from tests.batchers import Gate, no_thread_left, serve


def test_a_batch_that_fails_fails_its_rows_alone(caplog: pytest.LogCaptureFixture) -> None:
    def worker(rows: list[int]) -> list[int]:
        if 13 in rows:
            raise RuntimeError("/secret/path")
        return rows

    async def use(batcher: Batcher[int, int]) -> None:
        answers = await batcher.submit([1, 2, 13, 4, 5, 6])
        assert answers[:2] == [1, 2]
        assert answers[4:] == [5, 6]
        for answer in answers[2:4]:
            assert isinstance(answer, InferenceFailed)
            assert "secret" not in str(answer), "the reason is for the log, not for callers"
        assert await batcher.submit([7]) == [7]

    serve(use, worker, max_batch_size=2)
    assert "/secret/path" in caplog.text


def test_a_runtime_that_fails_is_explained_to_the_operator_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def worker(rows: list[int]) -> list[int]:
        raise InferenceFailed("kernel 7 ran out of memory")

    async def use(batcher: Batcher[int, int]) -> None:
        [answer] = await batcher.submit([1])
        assert isinstance(answer, InferenceFailed)
        assert "kernel 7" not in answer.message

    serve(use, worker)
    assert "kernel 7" in caplog.text


def test_a_request_the_model_refuses_says_why() -> None:
    def worker(rows: list[int]) -> list[int]:
        raise InvalidInput("x is too long", param="x")

    async def use(batcher: Batcher[int, int]) -> None:
        first, second = await batcher.submit([1, 2])
        assert isinstance(first, InvalidInput)
        assert (first.message, first.param) == ("x is too long", "x")
        assert first is not second, "an exception raised twice grows two tracebacks"

    serve(use, worker)


def test_an_error_stands_in_its_row() -> None:
    def worker(rows: list[int]) -> list[int | Exception]:
        return [InvalidImage("broken") if row == 2 else row for row in rows]

    async def use(batcher: Batcher[int, int]) -> None:
        first, second, third = await batcher.submit([1, 2, 3])
        assert (first, third) == (1, 3)
        assert isinstance(second, InvalidImage)

    serve(use, worker)


def test_a_worker_that_miscounts_fails_its_batch_and_goes_on() -> None:
    def worker(rows: list[int]) -> list[int]:
        return rows[:-1] if len(rows) > 1 else rows

    async def use(batcher: Batcher[int, int]) -> None:
        answers = await batcher.submit([1, 2])
        assert [type(answer) for answer in answers] == [InferenceFailed] * 2
        assert await batcher.submit([3]) == [3]

    serve(use, worker)


def test_in_the_thick_of_it_every_caller_gets_its_own(caplog: pytest.LogCaptureFixture) -> None:
    """Callers of all sizes come and leave while two devices work and some batches fail."""
    random = np.random.default_rng(11)
    runs = itertools.count()

    def worker(rows: list[int]) -> list[int]:
        if next(runs) % 7 == 3:
            raise RuntimeError("this one fails")
        return [-row for row in rows]

    async def ask(batcher: Batcher[int, int], first: int, count: int) -> int:
        rows = list(range(first, first + count))
        answers = await batcher.submit(rows)
        failed = [isinstance(answer, InferenceFailed) for answer in answers]
        for row, answer, is_failed in zip(rows, answers, failed, strict=True):
            assert is_failed or answer == -row
        return count - sum(failed)

    async def use(batcher: Batcher[int, int]) -> None:
        asked = []
        for number in range(400):
            count = int(random.integers(1, 20))
            asked.append(asyncio.create_task(ask(batcher, number * 100, count)))
            if random.random() < 0.3:
                asked[int(random.integers(len(asked)))].cancel()
            if random.random() < 0.3:
                await asyncio.sleep(0)
        outcomes = await asyncio.gather(*asked, return_exceptions=True)
        answered = [outcome for outcome in outcomes if isinstance(outcome, int)]
        assert sum(answered) > 1000
        assert {type(outcome) for outcome in outcomes} == {int, asyncio.CancelledError}
        assert batcher.queued == 0

    serve(use, worker, worker, max_queue=10_000)
    assert caplog.text.count("this one fails") > 10


def test_an_idle_batcher_keeps_nothing_of_its_last_batch() -> None:
    class EncodedImage:
        pass

    async def use(batcher: Batcher[EncodedImage, int]) -> None:
        image = EncodedImage()
        alive = weakref.ref(image)
        assert await batcher.submit([image]) == [1]
        del image
        for _ in range(1000):  # the thread goes back to waiting in its own time
            if alive() is None:
                return
            await asyncio.sleep(0.005)
        raise AssertionError("the image is still held")

    serve(use, lambda rows: [1] * len(rows))


def test_an_event_loop_that_ends_early_does_not_end_the_model() -> None:
    gate = Gate()
    batcher: Batcher[int, int] = Batcher([gate], name="test", max_batch_size=1, max_queue=10)

    async def give_up() -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(batcher.submit([1]), 0.01)

    async def ask() -> None:
        assert await batcher.submit([3]) == [-3]
        await batcher.close()

    with no_thread_left():
        asyncio.run(give_up())
        gate.open()
        asyncio.run(ask())
