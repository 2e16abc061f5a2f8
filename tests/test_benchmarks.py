"""What the benchmarks rest on: wrong answers count as errors, and every peer is a whole one."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import numpy as np
import pytest

from benchmarks import closed_loop, open_loop
from benchmarks.peers import Request, Task, peers
from benchmarks.peers._noop import LIMITS, REPLY
from benchmarks.running import Running, lutrin, serving
from benchmarks.workloads import Workload, digit, lenet5
from tests.server import Server

MODELS = Path(__file__).parents[1] / "models"
TASK = Task(MODELS / "mnist-lenet5" / "1", "classify", [b"one", b"two"], "image/png", (28, 28, 1))


@pytest.fixture(scope="module")
def request_() -> Request:
    return LIMITS["noop_raw"].request(TASK)


@pytest.fixture(scope="module")
def workload() -> Workload:
    return lenet5(MODELS)


@pytest.fixture(scope="module")
def server(request_: Request) -> Iterator[Running]:
    with serving(LIMITS["noop_raw"], sys.executable, TASK, request_, {}) as running:
        yield running


def test_open_loop_asks_at_its_rate_and_judges_each_answer(
    server: Running, request_: Request
) -> None:
    asked: list[int] = []

    def is_second(body: bytes, index: int) -> bool:
        assert body == REPLY
        asked.append(index)
        return index == 1

    seen = open_loop.post_at(server.url, request_, is_second, rate=100, seconds=0.5)
    assert len(seen.milliseconds) == 50
    assert sorted(asked) == [0] * 25 + [1] * 25
    assert seen.errors == 25, "wrong answers are errors"
    assert 0 < seen.percentile(50) <= seen.percentile(99) < 1000


@pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed")
def test_closed_loop_judges_each_answer(server: Running, request_: Request) -> None:
    good = closed_loop.post(server.url, request_, lambda body: body == REPLY, 2, 1)
    assert good.requests_per_s > 100
    assert good.errors == 0
    bad = closed_loop.post(server.url, request_, lambda body: False, 2, 1)
    assert bad.errors > 0.9 * bad.requests_per_s


def test_a_server_is_measured_with_all_its_processes(server: Running) -> None:
    assert 10 < server.memory_mb < 300
    assert 0 < server.cpu_s < 60
    assert 0 < server.seconds_to_answer < 60


def test_an_answer_is_right_where_it_says_what_the_model_says(workload: Workload) -> None:
    [row] = workload.expected
    assert row.sum() == pytest.approx(1, abs=1e-4)
    whole = dict(enumerate(row.tolist()))
    best = int(np.argmax(row))
    assert workload.is_right(whole)
    assert workload.is_right({best: float(row[best])}), "the best classes are enough"
    assert not workload.is_right({(best + 1) % 10: 1.0})
    assert not workload.is_right(dict(enumerate(np.roll(row, 1).tolist())))
    assert not workload.is_right({})
    assert not workload.is_right({10: 1.0}), "there is no such class"


def test_every_peer_can_be_started_and_asked() -> None:
    one = replace(TASK, inputs=[digit()])
    found = peers()
    assert {"lutrin", "plain_fastapi", "litserve", "triton", "infinity"} <= set(found)
    for name, peer in found.items():
        assert peer.answer is not None, name
        if peer.takes(one):
            assert peer.command(one)[0] == "-m", name
            asked = peer.request(one)
            assert asked.path.startswith("/"), name
            assert asked.bodies, name


@pytest.mark.parametrize("name", ["tensorflow_serving", "openvino_model_server"])
def test_pixels_are_asked_for_in_the_words_of_their_protocol(
    workload: Workload, tmp_path: Path, name: str
) -> None:
    # which Lutrin speaks too, so that it can say whether they are right
    shutil.copytree(workload.task.export, tmp_path / "classifier" / "1")
    peer = peers()[name]
    asked = peer.request(workload.task)
    assert peer.answer is not None
    with Server(MODELS_DIR=tmp_path) as server:
        reply = server.client.post(
            asked.path,
            content=asked.bodies[0],
            headers={"content-type": asked.content_type, **asked.headers},
        )
        assert reply.status_code == 200, reply.text
        assert workload.is_right(peer.answer(reply.content))
        assert server.client.get(peer.ready).status_code == 200


@pytest.mark.parametrize("name", ["tensorflow_serving", "openvino_model_server"])
def test_a_server_that_is_not_here_says_so(
    workload: Workload, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    peer = peers()[name]
    with (
        pytest.raises(RuntimeError, match=r"neither .* nor docker is installed here"),
        serving(peer, sys.executable, workload.task, peer.request(workload.task), {}),
    ):
        pass


def test_a_server_of_ours_is_run_until_the_block_ends() -> None:
    with lutrin(MODELS_DIR=str(MODELS), LOADING="lazy") as running:
        assert httpx.get(f"{running.url}/health/ready").status_code == 200
        assert running.resident_mb > 30
    with pytest.raises(httpx.ConnectError):
        httpx.get(running.url)


def test_a_server_of_ours_that_cannot_start_says_why(tmp_path: Path) -> None:
    with (
        pytest.raises(RuntimeError, match="nowhere"),
        lutrin(MODELS_DIR=str(tmp_path / "nowhere")),
    ):
        pass
