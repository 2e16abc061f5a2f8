"""A real server process for the tests: `python -m service` with settings, on a free port."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from service.settings import Settings

_LISTENING = re.compile(r"running on http://[^:]+:(\d+)")
_ROOT = Path(__file__).parent.parent
_ELSEWHERE = _ROOT / "docs"
"""A folder without a .env file, and without a `service` that would hide the real one."""


class Server:
    """`with Server(MODELS_DIR=folder) as server: server.client.get(…)`; ready when entered."""

    def __init__(
        self, *, wait_ready: bool = True, cwd: Path = _ELSEWHERE, **settings: object
    ) -> None:
        named = {"PORT": 0, "LOG_FORMAT": "human", **settings}
        # The developer's own settings must not reach the tests: neither these nor a .env file,
        # which is read from the working directory.
        kept = {name: value for name, value in os.environ.items() if name.upper() not in _SETTINGS}
        self.environment = kept | {name: str(value) for name, value in named.items()}
        self._wait_ready = wait_ready
        self.cwd = cwd
        self.log: list[str] = []
        self._port: int | None = None
        self._listening = threading.Event()

    def __enter__(self) -> Self:
        self.started = time.perf_counter()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "service"],
            env=self.environment | {"PYTHONPATH": str(_ROOT)},
            cwd=self.cwd,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read_log, daemon=True)
        self._reader.start()
        assert self._listening.wait(60), f"the server did not start: {self.log}"
        assert self._port is not None, f"the server ended: {''.join(self.log)}"
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self._port}", timeout=60)
        if self._wait_ready:
            self.wait_ready()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.client.close()
        self.stop()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def grpc_address(self) -> str:
        """Where its gRPC services listen."""
        [address] = re.findall(r"gRPC listens on (\S+)", "".join(self.log))
        return str(address)

    def wait_ready(self) -> None:
        """Wait until every model is ready."""
        for _ in range(600):
            reply = self.client.get("/health/ready")
            if reply.status_code == 200:
                return
            assert "failed" not in reply.text, reply.text
            time.sleep(0.05)
        raise AssertionError(f"not ready within 30 s: {reply.text}")

    def wait_settled(self) -> None:
        """Wait until no model is loading."""
        for _ in range(600):
            models = self.client.get("/v1/models").json()["data"]
            states = [version["state"] for model in models for version in model["versions"]]
            if "loading" not in states:
                return
            time.sleep(0.05)
        raise AssertionError("models still load after 30 s")

    def stop(self) -> int:
        """End it as an orchestrator does, with SIGTERM; gives the exit status."""
        if self.process.poll() is None:
            self.process.terminate()
        status = self.process.wait(60)
        self._reader.join(10)
        return status

    def _read_log(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.log.append(line)
            if match := _LISTENING.search(line):
                self._port = int(match[1])
                self._listening.set()
        self._listening.set()


_SETTINGS = {name.upper() for name in Settings.model_fields}
