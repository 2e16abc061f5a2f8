"""Runtimes in child processes: what they take is given back to the last byte when they end.

TensorFlow needs it. Imported, it takes 580 MB for good, and of a model's weights it gives nothing
back (200 of 200 MB stay, for its next model to use). A child process of it takes 3 s to start and
280 MB of its own (the rest is code that processes share), too much for every model to have one.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from service import runtimes
from service.errors import InferenceFailed, InvalidExport
from service.loading.isolation.channel import Channel, Describe, Load, Precisions, Request, Run
from service.loading.isolation.process import Place, Process
from service.machine.devices import Device
from service.machine.processes import CAN_PASS_SOCKETS
from service.manifest import Manifest, Signature
from service.runtimes import Placement, Precision, Program, Runtime, RuntimeName, Tensors
from service.settings import IsolationChoice

logger = logging.getLogger(__name__)

_SHARED: Final = Place()
"""Where the process is that all models of TensorFlow share."""


class Runners:
    """The runtimes that one export may be loaded by, each in the process where it belongs."""

    def __init__(self, isolation: IsolationChoice) -> None:
        self._isolation = isolation
        self._own = Place()
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

    def _place(self, name: RuntimeName) -> Place | None:
        if self._isolation == "always":
            if not CAN_PASS_SOCKETS:
                raise InvalidExport("this system has no child processes: choose ISOLATION=auto")
            return self._own
        if self._isolation == "auto" and name == "tensorflow" and CAN_PASS_SOCKETS:
            return _SHARED
        return None


class _Remote:
    """A runtime in a child process, which is kept alive between what it is asked."""

    def __init__(self, name: RuntimeName, place: Place) -> None:
        self._name = name
        self._place = place
        self._process: Process | None = None

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
        self._process = self._place.process()
        try:
            with contextlib.closing(self._process.connect()) as channel:
                return channel.ask(request)
        except ConnectionError:
            raise InvalidExport(self._process.obituary()) from None


class _Export:
    """An export loaded in a child process, and loaded again when that has died."""

    def __init__(self, place: Place, request: Load) -> None:
        self._place = place
        self._request = request
        self._lock = threading.Lock()
        self._home: tuple[Process, Channel] | None = self._load()

    def run(self, signature: str, inputs: Tensors) -> Tensors:
        """The outputs of a signature; other signatures of the export have to wait."""
        with self._lock:
            process, channel = self._alive()
            try:
                outputs: Tensors = channel.ask(Run(signature, inputs))
            except ConnectionError:
                self._home = None
                raise InferenceFailed(
                    f"{process.obituary()}; the next request starts it again"
                ) from None
            return outputs

    def _alive(self) -> tuple[Process, Channel]:
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

    def _load(self) -> tuple[Process, Channel]:
        process = self._place.process()
        try:
            channel = process.connect()
            channel.ask(self._request)
        except ConnectionError:
            raise InvalidExport(process.obituary()) from None
        return process, channel
