"""A server's processes: started until they answer, their memory and processor time, and ended."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import Final

import psutil

from benchmarks.peers import Peer, Request, Task, _binaries, environment
from service.machine import memory

_PATIENCE_S: Final = 180
_PSS: Final = re.compile(r"^Pss:\s+(\d+) kB", re.MULTILINE)


@dataclass(frozen=True)
class Running:
    """A server that has answered."""

    url: str
    pid: int
    seconds_to_answer: float
    """From the start of its process until it was up: as `lutrin` and `serving` say."""
    container: str = ""
    """The name of the container in Docker that it runs in, if any."""

    @property
    def memory_mb(self) -> float:
        """Resident memory of all its processes, in MB; what they share counts once."""
        kilobytes = 0
        for process in self._processes():
            with suppress(OSError):
                rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
                kilobytes += sum(map(int, _PSS.findall(rollup)))
        return kilobytes * 1024 / 1e6

    @property
    def resident_mb(self) -> float:
        """The same, but what they share counts for each; read in microseconds."""
        return memory.resident_bytes(self.pid) / 1e6

    @property
    def cpu_s(self) -> float:
        """Processor time of all its processes so far, in seconds."""
        total = 0.0
        for process in self._processes():
            with suppress(psutil.Error):
                times = process.cpu_times()
                total += times.user + times.system
        return total

    def _processes(self) -> list[psutil.Process]:
        process = psutil.Process(_contained(self.container) or self.pid)
        return [process, *process.children(recursive=True)]


def lutrin(
    arguments: Sequence[str] | None = None, **settings: str
) -> AbstractContextManager[Running]:
    """Run this service with `settings`, up when it is ready, until the block ends.

    `arguments` of Python start it otherwise than `-m service` does.

    Raises:
        RuntimeError: it does not become ready; says what it printed last.
    """
    variables = {"LOG_LEVEL": "warning", "PORT": str(free_port()), **settings}
    port = int(variables["PORT"])
    command = [sys.executable, *(arguments or ("-m", "service"))]

    def is_up(url: str) -> bool:
        return _answers(f"{url}/health/ready")

    return _run(command, port, os.environ | variables, is_up)


def serving(
    peer: Peer, interpreter: str, task: Task, request: Request, more: Mapping[str, str]
) -> AbstractContextManager[Running]:
    """Run a peer, up when it has answered a request of the workload, until the block ends.

    Raises:
        RuntimeError: it does not come to answer; says what it printed last.
    """
    port = free_port()

    def is_up(url: str) -> bool:
        return _answers(url + peer.ready) and _answers(url + request.path, request)

    command = [interpreter, *peer.command(task)]
    name = _binaries.container(port) if peer.may_be_contained else ""
    return _run(command, port, environment(peer, port) | dict(more), is_up, name)


@contextmanager
def _run(
    command: list[str],
    port: int,
    variables: Mapping[str, str],
    is_up: Callable[[str], bool],
    container: str = "",
) -> Iterator[Running]:
    url = f"http://127.0.0.1:{port}"
    with TemporaryFile() as log:
        started = time.perf_counter()
        process = subprocess.Popen(
            command, env=variables, stdout=log, stderr=log, start_new_session=True
        )
        try:
            while not is_up(url):
                if process.poll() is not None or time.perf_counter() - started > _PATIENCE_S:
                    log.seek(0)
                    last = log.read().decode(errors="replace").strip().splitlines()[-3:]
                    raise RuntimeError(f"it did not come to answer: {' / '.join(last)[:500]}")
                time.sleep(0.01)
            yield Running(url, process.pid, time.perf_counter() - started, container)
        finally:
            _end(process)


def _contained(name: str) -> int | None:
    """The process that a container is; None where there is none of the name."""
    if not name or shutil.which("docker") is None:
        return None
    asked = ["docker", "inspect", "--format", "{{.State.Pid}}", name]
    found = subprocess.run(asked, capture_output=True, text=True, check=False)
    return int(found.stdout) if found.returncode == 0 else None


def _end(process: subprocess.Popen[bytes]) -> None:
    family = [process.pid, *(each.pid for each in _children(process.pid))]
    process.send_signal(signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(15)
    for pid in family:  # some leave workers behind
        with suppress(psutil.Error):
            psutil.Process(pid).kill()
    process.wait(15)


def _children(pid: int) -> list[psutil.Process]:
    with suppress(psutil.Error):
        return list(psutil.Process(pid).children(recursive=True))
    return []


def _answers(url: str, request: Request | None = None) -> bool:
    headers = {"Content-Type": request.content_type, **request.headers} if request else {}
    body = request.bodies[0] if request else None
    asked = urllib.request.Request(url, body, headers)  # noqa: S310 — ours
    try:
        with urllib.request.urlopen(asked, timeout=30) as reply:  # noqa: S310
            return bool(reply.status == 200)
    except (OSError, urllib.error.HTTPError):
        return False


def free_port() -> int:
    """A TCP port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
