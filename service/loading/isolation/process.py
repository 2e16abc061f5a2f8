"""A child process of the service, as the service sees it: started, asked, and buried.

`service/loading/isolation/child.py` is what runs in it.
"""

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

_PATIENCE_S: Final = 5.0
"""Seconds in which a process whose socket is closed is seen to have ended."""


class Place:
    """Room for one child process: started when it is needed, and anew when it has ended."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._current: Any = lambda: None

    def process(self) -> Process:
        """The process that is there; it ends with the last reference to it."""
        with self._lock:
            process: Process | None = self._current()
            if process is None or process.has_ended:
                process = Process()
                self._current = weakref.ref(process)
            return process


class Process:
    """A process that runs models for this one, and ends with the last reference to this object."""

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
                stdout=2,  # what a runtime prints is no answer of ours
                env=os.environ | {"PYTHONPATH": processes.search_path()},
                start_new_session=True,  # Ctrl-C in a terminal is for the service alone
            )
        weakref.finalize(self, _end, self._process, self._control)
        watch = threading.Thread(target=_watch, args=(self._process, self._control), daemon=True)
        watch.start()

    @property
    def has_ended(self) -> bool:
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

    def obituary(self) -> str:
        """How it ended."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_PATIENCE_S)
        return _obituary(self._process.returncode)


def _end(process: subprocess.Popen[bytes], control: socket.socket) -> None:
    control.close()
    process.kill()  # it has nothing to save


def _watch(process: subprocess.Popen[bytes], control: socket.socket) -> None:
    """Reap a process as soon as it ends; keeps nothing of it alive."""
    status = process.wait()
    if control.fileno() >= 0:  # else it was meant to end
        logger.error("%s", _obituary(status))


def _obituary(status: int | None) -> str:
    how = "broke the connection off" if status is None else processes.exit_reason(status)
    return f"the process that runs the model {how}"
