"""Runtimes in child processes: the same answers and errors, and nothing left of them afterwards."""

from __future__ import annotations

import contextlib
import gc
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import psutil
import pytest

from service import runtimes
from service.errors import InferenceFailed, InvalidExport, InvalidInput
from service.exports.folder import find
from service.loading import goldens
from service.loading.isolation.runtime import RuntimeProvider
from service.machine import memory
from service.machine.devices import Device
from service.manifest import Manifest
from service.runtimes import Placement, Program, RuntimeName
from service.settings import IsolationChoice, RunOptions
from tests import ROOT
from tests.exports import write_foreign, write_foreign_texts
from tests.images import LIGHT
from tests.server import Server

CPU = Placement(Device("cpu"), "float32", threads=1)
IMAGES = {"images": np.random.default_rng(1).integers(0, 256, (5, 8, 8, 1), np.uint8)}


@pytest.fixture(autouse=True)
def alone() -> Iterator[None]:
    """No test finds a child process that another has left."""
    yield
    gc.collect()  # errors that were raised hold what raised them
    _wait_until(lambda: not _children("openvino"))


@pytest.fixture
def shade(models_dir: Path) -> Iterator[Program]:
    """A small model in a child process of its own, which is gone after the test."""
    program = {**_load("always", "openvino", models_dir / "shade" / "1")}
    yield program
    program.clear()


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Program]:
    """A foreign model of strings in TensorFlow's child process."""
    folder = tmp_path_factory.mktemp("models") / "texts"
    write_foreign_texts(folder)
    return folder, _load("auto", "tensorflow", folder)


def _load(isolation: IsolationChoice, name: RuntimeName, folder: Path) -> Program:
    runner = RuntimeProvider(isolation).get(name)
    is_foreign = not (folder / "assets.extra").exists()
    manifest = runner.describe(folder, 0) if is_foreign else Manifest.read(folder)
    return runner.load(folder, manifest.signatures, CPU)


def _children(runtime: RuntimeName, parent: int | None = None) -> list[psutil.Process]:
    """The child processes that hold a runtime's library."""
    found = []
    for child in psutil.Process(parent).children():
        with contextlib.suppress(psutil.Error):  # it ended meanwhile
            libraries = [each.path for each in child.memory_maps()]
            if "service.loading.isolation.child" in child.cmdline() and any(
                runtime in each for each in libraries
            ):
                found.append(child)
    return found


def _bytes_of_children() -> int:
    """What the service counts beyond this process, whose own memory tests before left in pieces."""
    return memory.resident_bytes() - int(psutil.Process().memory_info().rss)


def _wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _kill_at_work(child: psutil.Process) -> None:
    """Let a child get its next request and no further."""
    child.suspend()
    _wait_until(lambda: child.status() == psutil.STATUS_STOPPED)  # threads may run on a while
    threading.Timer(0.7, child.kill).start()


def test_a_child_answers_as_this_process_does(shade: Program, models_dir: Path) -> None:
    here = _load("never", "openvino", models_dir / "shade" / "1")
    for rows in (IMAGES["images"], IMAGES["images"][:0], np.full((999, 8, 8, 1), 7, np.uint8)):
        there = shade["classify"]({"images": rows})["probabilities"]
        np.testing.assert_array_equal(there, here["classify"]({"images": rows})["probabilities"])
        there += 1  # and they belong to the caller


def test_errors_cross_with_the_field_they_name(shade: Program) -> None:
    with pytest.raises(InvalidInput, match=r"got uint8 \[3\]$") as caught:
        shade["classify"]({"images": np.zeros(3, np.uint8)})
    assert caught.value.param == "images"


def test_a_killed_child_fails_its_calls_and_the_next_ones_are_answered(
    shade: Program, caplog: pytest.LogCaptureFixture
) -> None:
    first = shade["classify"](IMAGES)
    [child] = _children("openvino")
    _kill_at_work(child)
    with pytest.raises(InferenceFailed, match="runs the model ended by signal 9") as caught:
        shade["classify"](IMAGES)
    assert "the next request starts it again" in caught.value.message
    again = shade["classify"](IMAGES)
    np.testing.assert_array_equal(again["probabilities"], first["probabilities"])
    [child] = _children("openvino")
    child.kill()  # while nobody asks
    _wait_until(lambda: caplog.text.count("ended by signal 9") == 2)
    assert shade["classify"](IMAGES).keys() == first.keys()
    assert caplog.text.count("has been loaded again in a new process") == 2


def test_a_model_that_cannot_be_loaded_again_says_why(models_dir: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(models_dir / "shade" / "1", tmp_path / "1"))
    program = _load("always", "openvino", folder)
    [child] = _children("openvino")
    child.kill()
    child.wait()
    shutil.rmtree(folder)
    for _ in range(2):
        with pytest.raises(InferenceFailed, match=r"cannot be loaded again: .*classify\.xml"):
            program["classify"](IMAGES)


def test_a_child_that_cannot_start_is_no_export(
    models_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    with pytest.raises(InvalidExport, match="the process that runs the model ended with status 1"):
        _load("always", "openvino", models_dir / "shade" / "1")


def test_memory_comes_back_with_the_last_reference(models_dir: Path) -> None:
    before = _bytes_of_children()
    programs = [_load("always", "openvino", models_dir / "shade" / "1") for _ in range(2)]
    for program in programs:
        program["classify"](IMAGES)
    assert len(_children("openvino")) == 2, "each has its own"
    assert _bytes_of_children() - before > 50_000_000
    programs.pop()
    del program
    _wait_until(lambda: len(_children("openvino")) == 1)
    programs.clear()
    _wait_until(lambda: _bytes_of_children() - before < 5_000_000)
    _wait_until(lambda: all(each.status() != "zombie" for each in psutil.Process().children()))


def test_strings_and_scalars_cross(texts: tuple[Path, Program]) -> None:
    answer = texts[1]["shout"]({"texts": np.array([b"a\x00", "grün".encode()], object)})
    assert answer["loud"].tolist() == [b"A\x00", "GRüN".encode()]
    assert (answer["first"].item(), answer["count"].item()) == (b"a\x00", 2)
    assert answer["count"].shape == ()


def test_models_of_tensorflow_share_a_child(texts: tuple[Path, Program], tmp_path: Path) -> None:
    [child] = _children("tensorflow")
    write_foreign(tmp_path / "half" / "1")
    loaded = goldens.load(find(tmp_path / "half"), RunOptions(device="cpu"))
    assert (loaded.runtime, loaded.is_isolated) == ("tensorflow", True)
    assert loaded.reason.endswith("in a child process")
    x = np.array([[2, 4]], np.float32)
    assert loaded.programs[0]["serving_default"]({"x": x})["y"].tolist() == [[3, 4]]
    here = runtimes.get("tensorflow").describe(texts[0], 0)
    assert RuntimeProvider("auto").get("tensorflow").describe(texts[0], 0) == here
    assert RuntimeProvider("auto").get("tensorflow").precisions(Device("cpu")) == ("float32",)
    with pytest.raises(InvalidExport, match=r"TensorFlow cannot load the SavedModel: .+"):
        RuntimeProvider("auto").get("tensorflow").describe(tmp_path, 0)
    assert _children("tensorflow") == [child]


def test_what_goes_wrong_unforeseen_is_in_our_log(
    texts: tuple[Path, Program], caplog: pytest.LogCaptureFixture
) -> None:
    run = cast(Any, texts[1]["shout"]).func
    with pytest.raises(InferenceFailed, match=r"^KeyError: 'whisper'$"):
        run("whisper", {})
    assert "Traceback" in caplog.text


def test_children_end_with_a_service_that_is_killed(models_dir: Path, tmp_path: Path) -> None:
    code = f"""
from pathlib import Path
from service.loading import goldens
from service.settings import RunOptions
from service.exports.folder import find
options = RunOptions(runtime="openvino", isolation="always")
loaded = goldens.load(find(Path({str(models_dir / "shade")!r})), options)
print("loaded", flush=True)
input()
"""
    foreign = tmp_path / "service/loading/isolation"  # it must not be taken for ours
    foreign.mkdir(parents=True)
    (foreign / "child.py").write_text("raise SystemExit(3)")
    with subprocess.Popen(
        [sys.executable, "-P", "-c", code],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as service:
        assert service.stdout is not None
        assert service.stdout.readline() == "loaded\n"
        [child] = _children("openvino", service.pid)
        assert os.getsid(child.pid) != os.getsid(service.pid), "Ctrl-C is not for it"
        service.kill()
    _wait_until(lambda: not child.is_running())


def test_a_server_goes_on_when_tensorflow_dies(models_dir: Path) -> None:
    def ask() -> int:
        headers = {"content-type": "image/png"}
        return server.client.post("/v1/classify", content=LIGHT, headers=headers).status_code

    with Server(MODELS_DIR=models_dir, RUNTIME="tensorflow", DEVICE="cpu") as server:
        [model] = server.client.get("/v1/models").json()["data"]
        assert "in a child process" in model["reason"]
        assert ask() == 200
        [child] = _children("tensorflow", server.process.pid)
        _kill_at_work(child)
        assert ask() == 500
        ended = "ended by signal 9 (SIGKILL, such as when"
        _wait_until(lambda: any(ended in line for line in server.log))
        assert ask() == 200
        [child] = _children("tensorflow", server.process.pid)
    _wait_until(lambda: not child.is_running())
