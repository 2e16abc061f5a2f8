"""The batcher: who shares a run, in what order answers come, who makes room for whom."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from service.batching.batcher import Batcher
from service.batching.images import ImageBatches
from service.errors import NotReady, Overloaded
from service.machine.devices import Device
from service.manifest import Manifest
from service.runtimes import Placement, Precision, RuntimeName, get
from tests.batchers import PATIENCE_S, Gate, no_thread_left, serve, settle


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
        with pytest.raises(Overloaded, match=r"has 3 of at most 4 rows, and this request has 2"):
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


def test_idle_workers_share_what_came_together() -> None:
    first, second = Gate(), Gate()

    async def use(batcher: Batcher[int, int]) -> None:
        waiting = asyncio.ensure_future(batcher.submit(list(range(8))))
        await asyncio.gather(first.is_busy(), second.is_busy())
        first.open()
        second.open()
        assert await waiting == [-row for row in range(8)]

    serve(use, first, second, max_batch_size=8)
    assert [len(batch) for batch in [*first.batches, *second.batches]] == [4, 4]


def test_requests_that_trickle_in_share_a_batch() -> None:
    gate = Gate(open_at_start=True)

    async def use(batcher: Batcher[int, int]) -> None:
        async def later(turns: int) -> list[int | Exception]:
            for _ in range(turns):
                await asyncio.sleep(0)
            return await batcher.submit([turns])

        answers = await asyncio.gather(*(later(index // 2) for index in range(8)))
        assert answers == [[-(index // 2)] for index in range(8)]

    serve(use, gate, max_batch_size=8)
    assert gate.batches == [[0, 0, 1, 1, 2, 2, 3, 3]]


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


@pytest.mark.parametrize(
    ("runtime", "precision", "devices"),
    [
        ("openvino", "float32", 1),
        ("openvino", "float32", 2),
        ("tensorflow", "float32", 1),
        ("openvino", "bfloat16", 1),
    ],
)
def test_batched_answers_are_the_unbatched_ones(
    models_dir: Path, runtime: RuntimeName, precision: Precision, devices: int
) -> None:
    if precision not in get(runtime).precisions(Device("cpu")):
        pytest.skip(f"this CPU does not compute in {precision} natively")
    export = models_dir / "shade" / "1"
    manifest = Manifest.read(export)
    assert manifest.image is not None
    tolerance = 1e-5 if precision == "float32" else manifest.tolerance.bfloat16
    placement = Placement(Device("cpu"), precision, threads=0)
    programs = [get(runtime).load(export, manifest.signatures, placement) for _ in range(devices)]
    workers = [ImageBatches(program["classify"], manifest.image, 32) for program in programs]
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
            expected, given = np.stack([alone[index] for index in request]), np.array(rows)
            np.testing.assert_allclose(given, expected, rtol=0, atol=tolerance)
            second, best = np.sort(expected, axis=1)[:, -2:].T
            clear = best - second > tolerance
            assert (given.argmax(axis=1) == expected.argmax(axis=1))[clear].all()

    serve(use, *workers, max_batch_size=32, max_queue=10_000, observe=sizes.append)
    assert sum(sizes) == sum(map(len, requests))
    assert max(sizes) == 32
    assert len(np.unique(np.round(alone, 4), axis=0)) > 32, "the images must tell rows apart"


def test_a_batch_is_bounded_in_weight_and_takes_one_row_at_least() -> None:
    batches: list[list[int]] = []

    def work(rows: list[int]) -> list[int]:
        batches.append(list(rows))
        return rows

    async def run() -> None:
        batcher: Batcher[int, int] = Batcher(
            [work],
            name="weighed",
            max_batch_size=4,
            max_queue=99,
            weigh=lambda row: row,
            max_weight=10,
            on_loop=True,
        )
        both = await asyncio.gather(batcher.submit([3, 3, 9, 50, 1, 1]), batcher.submit([1, 1, 1]))
        assert [*both] == [[3, 3, 9, 50, 1, 1], [1, 1, 1]]
        await batcher.close()

    asyncio.run(run())
    assert batches == [[3, 3], [9], [50], [1, 1, 1, 1], [1]]
