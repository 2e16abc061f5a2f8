"""Several processes that serve together, as their callers and operators see them."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from service.errors import ServiceError
from service.machine import cores
from service.machine.devices import Device
from service.manifest import Manifest
from service.runtimes import Placement, openvino
from service.server.sockets import SharedSockets
from service.settings import Settings
from tests.documents import ROOT
from tests.images import LIGHT
from tests.server import Server


@pytest.fixture(scope="module")
def server(models_dir: Path) -> Iterator[Server]:
    with Server(MODELS_DIR=models_dir, WORKERS=2, GRPC_PORT=0) as running:
        yield running


def workers(server: Server) -> list[psutil.Process]:
    return [child for child in psutil.Process(server.process.pid).children() if is_worker(child)]


def is_worker(child: psutil.Process) -> bool:
    try:
        is_running = child.status() != psutil.STATUS_ZOMBIE
        return is_running and "service.server.worker" in child.cmdline()
    except psutil.NoSuchProcess:  # it has just ended
        return False


ASK = httpx.Client(limits=httpx.Limits(max_keepalive_connections=0), timeout=30)
"""Each request goes over a connection of its own, which any worker may take."""


def classify(server: Server) -> httpx.Response:
    headers = {"content-type": "image/png"}
    return ASK.post(f"{server.url}/v1/classify?model=shade", content=LIGHT, headers=headers)


def counted(server: Server, name: str, **labels: str) -> float:
    text = ASK.get(f"{server.url}/metrics").text
    return sum(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


def answers(server: Server) -> float:
    return counted(server, "lutrin_requests_total", route="/v1/classify", status="200")


def test_each_worker_answers_by_itself(server: Server) -> None:
    assert "2 workers running on" in "".join(server.log)
    assert len(workers(server)) == 2
    for idle in workers(server):
        idle.suspend()
        try:
            assert classify(server).status_code == 200, "the other one answers"
        finally:
            idle.resume()


def test_counters_are_those_of_all(server: Server) -> None:
    before = answers(server)
    with ThreadPoolExecutor(8) as callers:
        replies = list(callers.map(lambda _: classify(server), range(64)))
    assert {reply.status_code for reply in replies} == {200}
    assert {answers(server) for _ in range(8)} == {before + 64}, "whoever is asked"
    assert counted(server, "lutrin_model_ready", model="shade") == 1


def test_each_has_its_share_of_the_cores(server: Server) -> None:
    share = str(max(1, (os.cpu_count() or 1) // 2))
    assert {each.environ()[cores.SHARE] for each in workers(server)} == {share}


def test_a_runtime_takes_no_more_than_its_share(
    models_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(cores.SHARE, "1")
    monkeypatch.setattr(openvino, "_SMALL_S", 0.0)  # every model is a large one
    asked = []
    compiled = openvino._compiled

    def recorded(*given: Any) -> Any:
        asked.append(compiled(*given))
        return asked[-1]

    monkeypatch.setattr(openvino, "_compiled", recorded)
    export = models_dir / "shade" / "1"
    openvino.load(export, Manifest.read(export).signatures, Placement(Device("cpu"), "float32", 0))
    assert {each.get_property("INFERENCE_NUM_THREADS") for each in asked} == {1}


def test_one_that_is_killed_is_replaced_while_the_other_answers(server: Server) -> None:
    before = answers(server)
    killed, other = workers(server)
    killed.kill()
    asked = 0
    while len(pids := {each.pid for each in workers(server)} - {killed.pid}) < 2:
        assert classify(server).status_code == 200
        asked += 1
        assert asked < 5000, "".join(server.log)
    assert other.pid in pids
    log = "".join(server.log)
    assert f"worker 1 (process {killed.pid}) ended by signal 9 (SIGKILL" in log
    assert answers(server) == before + asked, "what the dead one counted stays"
    serves = f"serves as process {(pids - {other.pid}).pop()}"
    for _ in range(400):
        assert ASK.get(f"{server.url}/health/ready").status_code == 200
        if serves in "".join(server.log):
            break
        time.sleep(0.05)
    else:
        raise AssertionError("the new worker never served")
    other.suspend()
    try:
        assert classify(server).status_code == 200, "by the new one, whose models are loaded"
    finally:
        other.resume()


def test_indexes_say_why_there_are_none(server: Server) -> None:
    reply = ASK.get(f"{server.url}/v1/indexes")
    assert reply.status_code == 403
    assert "WORKERS=2" in reply.json()["error"]["message"]


def test_what_is_in_flight_is_answered_before_the_end(models_dir: Path) -> None:
    with Server(MODELS_DIR=models_dir, WORKERS=2) as server:
        family = psutil.Process(server.process.pid).children(recursive=True)
        assert len(family) >= 2
        port = int(server.url.rsplit(":")[-1])
        callers = [socket.create_connection(("127.0.0.1", port), timeout=20) for _ in range(8)]
        head = (
            "POST /v1/classify?model=shade HTTP/1.1\r\nhost: a\r\ncontent-type: image/png\r\n"
            f"content-length: {len(LIGHT)}\r\n\r\n"
        )
        for caller in callers:
            caller.sendall(head.encode() + LIGHT[:10])
        time.sleep(0.5)
        server.process.terminate()
        time.sleep(0.3)
        for caller in callers:
            caller.sendall(LIGHT[10:])
            assert caller.recv(1000).startswith(b"HTTP/1.1 200")
            caller.close()
        assert server.stop() == 0
        _, orphans = psutil.wait_procs(family, timeout=10)
        assert not orphans


def test_workers_end_with_their_supervisor(models_dir: Path) -> None:
    with Server(MODELS_DIR=models_dir, WORKERS=2) as server:
        family = workers(server)
        server.process.send_signal(signal.SIGKILL)
        _, orphans = psutil.wait_procs(family, timeout=20)
        assert not orphans


_CANNOT_START = """
import sys
from service.observability import logs
from service.server import supervisor
from service.settings import Settings
settings = Settings(models_dir="absent", port=0, workers=2, indexes="off", log_format="human")
logs.configure(settings)
sys.exit(supervisor.serve(settings))
"""


def test_a_worker_that_cannot_start_ends_the_service(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", _CANNOT_START],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        check=False,
        timeout=60,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 3, "as with one process"
    assert "absent is not a folder" in ended.stderr
    assert "before it could serve" in ended.stderr
    assert "running on" not in ended.stderr


_GIVES_UP = """
import sys
from pathlib import Path
from service.observability import logs
from service.server import supervisor
from service.settings import Settings
supervisor._MOST_FAILURES, supervisor._HUNG_S = 2, 2.5
settings = Settings(models_dir=Path("models"), port=0, workers=2, log_format="human")
logs.configure(settings)
sys.exit(supervisor.serve(settings))
"""


def test_one_that_hangs_is_replaced_until_replacements_cannot_start(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", _GIVES_UP],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        while "running on" not in process.stderr.readline():
            assert process.poll() is None
        (tmp_path / "models").rmdir()
        psutil.Process(process.pid).children()[0].suspend()
        said = process.stderr.read()
        assert process.wait(30) == 3
    assert "killing worker 1: it does not respond" in said
    assert "models is not a folder" in said
    assert said.count("another starts in") == 2, "of the killed one, and of the first that failed"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"admin": True, "admin_token": "x" * 16}, "ADMIN=true with WORKERS=2"),
        ({"device": "gpu:0"}, "WORKERS=2: each would fill the GPU's memory"),
        ({"device": "cpu", "model_options": {"a": {"device": "gpu"}}}, "the GPU's memory"),
        ({"indexes": "some-folder"}, "INDEXES=some-folder with WORKERS=2"),
    ],
)
def test_what_workers_cannot_share_is_refused(
    no_gpu: None, settings: dict[str, Any], said: str
) -> None:
    with pytest.raises(ServiceError, match=re.escape(said)):
        SharedSockets.open(Settings(workers=2, port=0, **settings))


def test_a_port_that_is_taken_is_not_shared(server: Server, no_gpu: None) -> None:
    taken = int(server.url.rsplit(":")[-1])
    with pytest.raises(ServiceError, match=r"is PORT taken\?"):
        SharedSockets.open(Settings(workers=2, port=taken))
    taken = int(server.grpc_address.rsplit(":")[-1])
    with pytest.raises(ServiceError, match=r"is GRPC_PORT taken\?"):
        SharedSockets.open(Settings(workers=2, port=0, grpc_port=taken))


def test_the_memory_and_the_indexes_are_told_apart(no_gpu: None, tmp_path: Path) -> None:
    settings = Settings(workers=4, port=0, memory_budget_mb=1000, indexes="off")
    with SharedSockets.open(settings) as shared:
        assert shared.settings.memory_budget_mb == 250
    url = "postgresql://there/indexes"
    with SharedSockets.open(Settings(workers=4, port=0, indexes=url)) as shared:
        assert shared.settings.indexes == url
