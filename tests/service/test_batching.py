"""The batcher: who shares a run, in what order answers come, and who is not harmed by whom."""

from __future__ import annotations

import asyncio
import itertools
import threading
import weakref
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from service.batching import Batcher
from service.classification import Classifier
from service.devices import Device
from service.errors import InferenceFailed, InvalidImage, InvalidInput, NotReady, Overloaded
from service.manifest import Manifest
from service.runtimes import Placement, RuntimeName, get

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
            observe=observe,
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
    before = set(threading.enumerate())
    yield
    left = [t.name for t in set(threading.enumerate()) - before if t.name.startswith("test-")]
    assert not left


def test_a_long_list_is_split_and_comes_back_in_order() -> None:
    sizes: list[int] = []

    async def use(batcher: Batcher[int, int]) -> None:
        rows = list(range(50))
        assert await batcher.submit(rows) == [-row for row in rows]
        assert await batcher.submit([]) == []

    serve(use, Gate(open_at_start=True), max_batch_size=8, observe=sizes.append)
    assert sizes == [8, 8, 8, 8, 8, 8, 2]


def test_an_idle_model_answers_a_single_row_at_once() -> None:
    sizes: list[int] = []

    async def use(batcher: Batcher[int, int]) -> None:
        for row in range(3):
            assert await batcher.submit([row]) == [-row]

    serve(use, Gate(open_at_start=True), observe=sizes.append)
    assert sizes == [1, 1, 1]


def test_requests_gather_while_the_model_is_busy() -> None:
    gate, sizes = Gate(), list[int]()

    async def use(batcher: Batcher[int, int]) -> None:
        first = asyncio.create_task(batcher.submit([0]))
        await gate.is_busy()
        others = [asyncio.create_task(batcher.submit([row, row + 100])) for row in range(1, 5)]
        await settle()
        assert batcher.queued == 8
        gate.open()
        assert await first == [0]
        assert await asyncio.gather(*others) == [[-row, -row - 100] for row in range(1, 5)]
        assert batcher.queued == 0

    serve(use, gate, observe=sizes.append)
    assert sizes == [1, 8]


def test_a_full_queue_refuses_at_once_and_recovers() -> None:
    gate = Gate()

    async def use(batcher: Batcher[int, int]) -> None:
        first = asyncio.create_task(batcher.submit([0]))
        await gate.is_busy()
        waiting = asyncio.create_task(batcher.submit([1, 2, 3]))
        await settle()
        with pytest.raises(Overloaded, match=r"3 rows wait .* lets 4 wait; this request has 2"):
            await batcher.submit([4, 5])
        last = asyncio.create_task(batcher.submit([6]))  # there is room for one more
        await settle()
        gate.open()
        assert list(await asyncio.gather(first, waiting, last)) == [[0], [-1, -2, -3], [-6]]
        assert await batcher.submit([7, 8, 9, 10]) == [-7, -8, -9, -10]

    serve(use, gate, max_queue=4)


def test_callers_who_leave_make_room_and_harm_nobody() -> None:
    gate = Gate()

    async def use(batcher: Batcher[int, int]) -> None:
        tasks = [asyncio.create_task(batcher.submit([0]))]
        await gate.is_busy()
        tasks += [asyncio.create_task(batcher.submit([row, row])) for row in (1, 2, 3)]
        await settle()
        tasks[0].cancel()  # its row is being run
        tasks[2].cancel()  # its rows wait
        await settle()
        assert batcher.queued == 4
        late = asyncio.create_task(batcher.submit([4, 4]))  # takes the room that was left
        await settle()
        gate.open()
        answers = await asyncio.gather(tasks[1], tasks[3], late)
        assert list(answers) == [[-1] * 2, [-3] * 2, [-4] * 2]
        assert tasks[0].cancelled()
        assert tasks[2].cancelled()

    serve(use, gate, max_queue=6)
    assert gate.batches == [[0], [1, 1, 3, 3, 4, 4]]


def test_a_caller_who_leaves_half_way_takes_the_other_half_along() -> None:
    gate = Gate()

    async def use(batcher: Batcher[int, int]) -> None:
        long = asyncio.create_task(batcher.submit(list(range(10))))
        await gate.is_busy()
        assert batcher.queued == 6
        long.cancel()
        await settle()
        assert batcher.queued == 0
        gate.open()
        assert await batcher.submit([11]) == [-11]

    serve(use, gate, max_batch_size=4)
    assert gate.batches == [[0, 1, 2, 3], [11]]


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


def test_two_devices_share_the_queue_and_even_one_request() -> None:
    together = threading.Barrier(2)
    names: set[str] = set()

    def worker(rows: list[int]) -> list[int]:
        names.add(threading.current_thread().name)
        together.wait(PATIENCE_S)  # passes only while both run
        return [-row for row in rows]

    async def use(batcher: Batcher[int, int]) -> None:
        rows = list(range(16))
        assert await batcher.submit(rows) == [-row for row in rows]

    serve(use, worker, worker, max_batch_size=4)
    assert names == {"test-0", "test-1"}


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


def test_closing_answers_what_waits_refuses_the_new_and_ends_the_threads() -> None:
    gate = Gate()

    async def run() -> None:
        batcher: Batcher[int, int] = Batcher(
            [gate, gate], name="test", max_batch_size=2, max_queue=100
        )
        waiting = [asyncio.create_task(batcher.submit([row] * 3)) for row in range(4)]
        await gate.is_busy()
        closing = asyncio.create_task(batcher.close())
        await settle()
        with pytest.raises(NotReady):
            await batcher.submit([9])
        gate.open()
        await closing
        assert await asyncio.gather(*waiting) == [[-row] * 3 for row in range(4)]

    with no_thread_left():
        asyncio.run(run())


def test_an_idle_batcher_keeps_nothing_of_its_last_batch() -> None:
    class Picture:
        pass

    async def use(batcher: Batcher[Picture, int]) -> None:
        picture = Picture()
        alive = weakref.ref(picture)
        assert await batcher.submit([picture]) == [1]
        del picture
        for _ in range(1000):  # the thread goes back to waiting in its own time
            if alive() is None:
                return
            await asyncio.sleep(0.005)
        raise AssertionError("the picture is still held")

    serve(use, lambda rows: [1] * len(rows))


def test_an_event_loop_that_ends_early_does_not_end_the_model() -> None:
    gate = Gate()
    batcher: Batcher[int, int] = Batcher([gate], name="test", max_batch_size=1, max_queue=10)

    async def give_up() -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(batcher.submit([1, 2]), 0.01)

    async def ask() -> None:
        assert await batcher.submit([3]) == [-3]
        await batcher.close()

    with no_thread_left():
        asyncio.run(give_up())
        gate.open()
        asyncio.run(ask())


@pytest.mark.parametrize(
    ("runtime", "devices"), [("openvino", 1), ("openvino", 2), ("tensorflow", 1)]
)
def test_batched_answers_are_the_unbatched_ones(
    models_dir: Path, runtime: RuntimeName, devices: int
) -> None:
    export = models_dir / "shade" / "1"
    manifest = Manifest.read(export)
    assert manifest.image is not None
    placement = Placement(Device("cpu"), "float32", threads=0)
    programs = [get(runtime).load(export, manifest.signatures, placement) for _ in range(devices)]
    workers = [Classifier(program["classify"], manifest.image, 32) for program in programs]
    random = np.random.default_rng(7)
    pool = random.integers(0, 256, (64, 8, 8, 1), np.uint8) // random.integers(
        1, 9, (64, 1, 1, 1), np.uint8
    )
    alone = [programs[0]["classify"]({"images": each[None]})["probabilities"][0] for each in pool]
    requests = [random.integers(0, 64, random.integers(1, 41)).tolist() for _ in range(200)]
    sizes: list[int] = []

    async def use(batcher: Batcher[Any, Any]) -> None:
        submitted = [batcher.submit([pool[index] for index in request]) for request in requests]
        answers = await asyncio.gather(*submitted)
        for request, rows in zip(requests, answers, strict=True):
            expected = np.stack([alone[index] for index in request])
            np.testing.assert_allclose(np.array(rows), expected, rtol=0, atol=1e-5)

    serve(use, *workers, max_batch_size=32, max_queue=10_000, observe=sizes.append)
    assert sum(sizes) == sum(map(len, requests))
    assert max(sizes) == 32
    assert len(np.unique(np.round(alone, 4), axis=0)) > 32, "the pictures must tell rows apart"
