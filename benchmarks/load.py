"""Load from outside by wrk, and what the system says of a server's processes."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Final

from service import memory

_PATIENCE_S: Final = 60
_UNITS: Final = {"us": 1e-3, "ms": 1.0, "s": 1e3}


@dataclass(frozen=True)
class Load:
    """What one run of wrk saw."""

    requests_per_s: float
    p50_ms: float
    p99_ms: float
    errors: int
    """Answers that were not 2xx, and connections that failed."""


@dataclass(frozen=True)
class Running:
    """A server that answers."""

    url: str
    pid: int
    seconds_to_ready: float
    """From the start of its process to its first ready answer."""

    @property
    def resident_mb(self) -> float:
        """Resident memory of its process and of its children now, in MB."""
        return memory.resident_bytes(self.pid) / 1e6


@contextmanager
def serving(command: list[str], **environment: str) -> Iterator[Running]:
    """Run a server that takes PORT from its environment, until the block ends."""
    port = _free_port()
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *command], env=os.environ | environment | {"PORT": str(port)}
    )
    url = f"http://127.0.0.1:{port}"
    try:
        while not _is_ready(url):
            if process.poll() is not None or time.perf_counter() - started > _PATIENCE_S:
                raise SystemExit(f"{' '.join(command)} was not ready within {_PATIENCE_S} s")
            time.sleep(0.005)
        yield Running(url, process.pid, time.perf_counter() - started)
    finally:
        process.terminate()
        process.wait(60)


def post(
    url: str,
    body: Path,
    content_type: str,
    connections: int,
    seconds: int,
    *,
    headers: Mapping[str, str] = MappingProxyType({}),
) -> Load:
    """POST the file `body` over and over from `connections` connections."""
    if shutil.which("wrk") is None:
        raise SystemExit("the benchmark needs wrk: apt-get install wrk, or brew install wrk")
    with TemporaryDirectory() as folder:
        script = Path(folder) / "post.lua"
        script.write_text(
            f'local file = io.open("{body}", "rb")\nwrk.body = file:read("*a")\nfile:close()\n'
            'wrk.method = "POST"\n'
            + "".join(
                f'wrk.headers["{name}"] = "{value}"\n'
                for name, value in {"Content-Type": content_type, **headers}.items()
            )
        )
        output = subprocess.run(
            [
                *("wrk", "--latency", "-t1", f"-c{connections}", f"-d{seconds}s"),
                *("-s", str(script), url),
            ],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    return Load(
        requests_per_s=_number(r"Requests/sec:\s+([\d.]+)", output),
        p50_ms=_milliseconds("50%", output),
        p99_ms=_milliseconds("99%", output),
        errors=_errors(output),
    )


def _number(pattern: str, output: str) -> float:
    match = re.search(pattern, output)
    return float(match[1]) if match else 0.0


def _milliseconds(percentile: str, output: str) -> float:
    match = re.search(rf"{percentile}\s+([\d.]+)(us|ms|s)", output)
    return float(match[1]) * _UNITS[match[2]] if match else float("nan")


def _errors(output: str) -> int:
    sockets = re.search(
        r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", output
    )
    refused = _number(r"Non-2xx or 3xx responses: (\d+)", output)
    return int(refused) + (sum(map(int, sockets.groups())) if sockets else 0)


def _is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health/ready", timeout=5) as reply:  # noqa: S310 — ours
            return bool(reply.status == 200)
    except OSError:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
