"""Runtimes in child processes: what they take is given back to the last byte when they end.

TensorFlow needs it. Imported, it takes 580 MB for good, and of a model's weights it gives nothing
back (200 of 200 MB stay, for its next model to use). A child process of it takes 3 s to start and
330 MB of its own (the rest is code that processes share), too much for every model to have one.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import weakref
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from service import runtimes
from service.channel import Channel, Describe, Load, Precisions, Reply, Request, Run
from service.devices import Device
from service.errors import InferenceFailed, InvalidExport
from service.manifest import Manifest, Signature
from service.runtimes import Placement, Precision, Program, Runtime, RuntimeName, Tensors
from service.settings import IsolationChoice

logger = logging.getLogger(__name__)

_HERE: Final = Path(__file__).parent.parent
_PATIENCE_S: Final = 5.0
"""Seconds in which a process whose socket is closed is seen to have ended."""


class Runners:
    """The runtimes that one export may be loaded by, each in the process where it belongs."""

    def __init__(self, isolation: IsolationChoice) -> None:
        self._isolation = isolation
        self._own = _Place()
        self._found: dict[RuntimeName, Runtime] = {}

    def get(self, name: RuntimeName) -> Runtime:
        """The runtime `name`; a child process of it is started when it is first asked something.

        Raises:
            InvalidExport: it does not work on this machine.
        """
        if name not in self._found:
            self._found[name] = self._runner(name)
        return self._found[name]

    def where(self, name: RuntimeName) -> str:
        """Where the runtime runs, for people; empty for the service's own process."""
        place = self._place(name)
        if place is None:
            return ""
        return "in a child process" + (" of its own" if place is self._own else "")

    def _runner(self, name: RuntimeName) -> Runtime:
        place = self._place(name)
        return runtimes.get(name) if place is None else _Remote(name, place)

    def _place(self, name: RuntimeName) -> _Place | None:
        if self._isolation == "always":
            if not _IS_POSSIBLE:
                raise InvalidExport("this system has no child processes: choose ISOLATION=auto")
            return self._own
        if self._isolation == "auto" and name == "tensorflow" and _IS_POSSIBLE:
            return _SHARED
        return None


class _Remote:
    """A runtime in a child process, which is kept alive between what it is asked."""

    def __init__(self, name: RuntimeName, place: _Place) -> None:
        self._name = name
        self._place = place
        self._child: _Child | None = None

    def precisions(self, device: Device) -> tuple[Precision, ...]:
        answer: tuple[Precision, ...] = self._ask(Precisions(self._name, device))
        return answer

    def describe(self, export: Path, threads: int) -> Manifest:
        answer: Manifest = self._ask(Describe(self._name, export, threads))
        return answer

    def load(
        self, export: Path, signatures: Mapping[str, Signature], placement: Placement
    ) -> Program:
        remote = _Export(self._place, Load(self._name, export, signatures, placement))
        return {name: partial(remote.run, name) for name in signatures}

    def _ask(self, request: Request) -> Any:
        self._child = self._place.child()
        try:
            with contextlib.closing(self._child.connect()) as channel:
                return _ask(channel, request)
        except ConnectionError:
            raise InvalidExport(self._child.obituary()) from None


class _Export:
    """An export loaded in a child process, and loaded again when that has died."""

    def __init__(self, place: _Place, request: Load) -> None:
        self._place = place
        self._request = request
        self._lock = threading.Lock()
        self._home: tuple[_Child, Channel] | None = self._load()

    def run(self, signature: str, inputs: Tensors) -> Tensors:
        """The outputs of a signature; other signatures of the export have to wait."""
        with self._lock:
            child, channel = self._alive()
            try:
                outputs: Tensors = _ask(channel, Run(signature, inputs))
            except ConnectionError:
                self._home = None
                raise InferenceFailed(
                    f"{child.obituary()}; the next request starts it again"
                ) from None
            return outputs

    def _alive(self) -> tuple[_Child, Channel]:
        if self._home is None or self._home[0].has_ended:
            self._home = None
            try:
                self._home = self._load()
            except InvalidExport as error:
                raise InferenceFailed(
                    f"the model cannot be loaded again: {error.message}"
                ) from error
            logger.warning("%s is loaded again in another process", self._request.export)
        return self._home

    def _load(self) -> tuple[_Child, Channel]:
        child = self._place.child()
        try:
            channel = child.connect()
            _ask(channel, self._request)
        except ConnectionError:
            raise InvalidExport(child.obituary()) from None
        return child, channel


class _Place:
    """Room for one child process: started when it is needed, and anew when it has ended."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._current: Any = lambda: None

    def child(self) -> _Child:
        """The process that is there; it ends with the last reference to it."""
        with self._lock:
            child: _Child | None = self._current()
            if child is None or child.has_ended:
                child = _Child()
                self._current = weakref.ref(child)
            return child


class _Child:
    """A process that runs models for this one, and ends with the last reference to this object."""

    def __init__(self) -> None:
        self._control, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 — this program itself
                [sys.executable, "-P", "-m", "service.child", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=2,  # what a runtime prints is no answer of ours
                env=os.environ | {"PYTHONPATH": _search_path()},
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


def _ask(channel: Channel, request: Request) -> Any:
    """Send a request and wait for its answer, which may be an exception."""
    channel.send(request)
    reply: Reply = channel.receive()
    for record in reply.records:
        home = logging.getLogger(record.name)
        if home.isEnabledFor(record.levelno):
            home.handle(record)
    if reply.kind == "error":
        raise reply.content
    return reply.content


def _end(process: subprocess.Popen[bytes], control: socket.socket) -> None:
    control.close()
    process.kill()  # it has nothing to save


def _watch(process: subprocess.Popen[bytes], control: socket.socket) -> None:
    """Reap a process as soon as it ends; keeps nothing of it alive."""
    status = process.wait()
    if control.fileno() >= 0:  # else it was meant to end
        logger.error("%s", _obituary(status))


def _obituary(status: int | None) -> str:
    if status is None or status >= 0:
        how = f"with status {status}"
    else:
        short = ", such as when memory runs out" if -status == signal.SIGKILL else ""
        how = f"by signal {-status} ({signal.Signals(-status).name}{short})"
    return f"the process that runs the model ended {how}"


def _search_path() -> str:
    """PYTHONPATH with the folder of this package first: a child finds the same code."""
    return os.pathsep.join(filter(None, [str(_HERE), os.environ.get("PYTHONPATH")]))


_IS_POSSIBLE: Final = hasattr(socket, "send_fds")
"""Whether this system hands sockets to other processes: all but Windows."""
_SHARED: Final = _Place()
