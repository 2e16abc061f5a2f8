"""Handle of a child process that runs models; `service/loading/isolation/child.py` runs in it."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import subprocess
import sys
import threading
import weakref
from typing import Any, Final

from service.loading.isolation.channel import Channel
from service.machine import processes

logger = logging.getLogger(__name__)

_EXIT_TIMEOUT_S: Final = 5.0
"""Seconds to wait for the exit status of a process whose socket has closed."""


class ProcessSlot:
    """Holds one child process, which is started on demand and restarted when it has ended."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._current: Any = lambda: None

    def process(self) -> Process:
        """The running process; it ends when the last reference to it is dropped."""
        with self._lock:
            process: Process | None = self._current()
            if process is None or process.has_ended:
                process = Process()
                self._current = weakref.ref(process)
            return process


class Process:
    """A child process, which ends when the last reference to this object is dropped."""

    def __init__(self) -> None:
        self._control, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 — this program itself
                [
                    sys.executable,
                    "-P",
                    "-m",
                    "service.loading.isolation.child",
                    str(theirs.fileno()),
                ],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=2,  # what a runtime prints must not mix with this program's output
                env=os.environ | {"PYTHONPATH": processes.search_path()},
                start_new_session=True,  # Ctrl-C in a terminal reaches the service alone
            )
        weakref.finalize(self, _end, self._process, self._control)
        watch = threading.Thread(target=_watch, args=(self._process, self._control), daemon=True)
        watch.start()

    @property
    def has_ended(self) -> bool:
        """Whether the process has ended."""
        return self._process.returncode is not None

    def connect(self) -> Channel:
        """A channel that the process serves.

        Raises:
            ConnectionError: it has ended.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                socket.send_fds(self._control, [b"\0"], [theirs.fileno()])
            except OSError:
                ours.close()
                raise
        return Channel(ours)

    def exit_reason(self) -> str:
        """Why the process ended, for messages."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_EXIT_TIMEOUT_S)
        return _exit_reason(self._process.returncode)


def _end(process: subprocess.Popen[bytes], control: socket.socket) -> None:
    control.close()
    process.kill()  # it has nothing to save


def _watch(process: subprocess.Popen[bytes], control: socket.socket) -> None:
    """Wait for a process to end, and log why; holds no reference that keeps it running."""
    status = process.wait()
    if control.fileno() >= 0:  # else it was stopped
        logger.error("%s", _exit_reason(status))


def _exit_reason(status: int | None) -> str:
    how = "closed its connection" if status is None else processes.exit_reason(status)
    return f"the process that runs the model {how}"
