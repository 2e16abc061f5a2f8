"""Runtimes in child processes, so that unloading a model frees all of its memory.

TensorFlow needs this. Imported, it takes 580 MB for good, and it keeps the memory of a model's
weights for its next model (200 of 200 MB). Its child process takes 3 s to start and 280 MB of its
own (the rest is code that processes share), too much for each model to have one.
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
from service.loading.isolation.process import Process, ProcessSlot
from service.machine.devices import Device
from service.machine.processes import CAN_PASS_SOCKETS
from service.manifest import Manifest, Signature
from service.runtimes import Placement, Precision, Program, Runtime, RuntimeName, Tensors
from service.settings import IsolationChoice

logger = logging.getLogger(__name__)

_SHARED: Final = ProcessSlot()
"""The process that all TensorFlow models share."""


class RuntimeProvider:
    """Gives the runtimes for one export, in this process or in a child process."""

    def __init__(self, isolation: IsolationChoice) -> None:
        self._isolation = isolation
        self._own = ProcessSlot()
        self._found: dict[RuntimeName, Runtime] = {}

    def get(self, name: RuntimeName) -> Runtime:
        """The runtime `name`; its child process starts with the first call.

        Raises:
            InvalidExport: it does not work on this machine.
        """
        if name not in self._found:
            self._found[name] = self._runtime(name)
        return self._found[name]

    def where(self, name: RuntimeName) -> str:
        """Where the runtime runs, for messages; empty for the service's own process."""
        slot = self._slot(name)
        if slot is None:
            return ""
        return "in a child process" + (" of its own" if slot is self._own else "")

    def _runtime(self, name: RuntimeName) -> Runtime:
        slot = self._slot(name)
        return runtimes.get(name) if slot is None else _ChildRuntime(name, slot)

    def _slot(self, name: RuntimeName) -> ProcessSlot | None:
        if self._isolation == "always":
            if not CAN_PASS_SOCKETS:
                raise InvalidExport(
                    "this system cannot pass sockets to child processes: choose ISOLATION=auto"
                )
            return self._own
        if self._isolation == "auto" and name == "tensorflow" and CAN_PASS_SOCKETS:
            return _SHARED
        return None


class _ChildRuntime:
    """A runtime in a child process, which is kept running between calls."""

    def __init__(self, name: RuntimeName, slot: ProcessSlot) -> None:
        self._name = name
        self._slot = slot
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
        export_in_child = _ChildExport(self._slot, Load(self._name, export, signatures, placement))
        return {name: partial(export_in_child.run, name) for name in signatures}

    def _ask(self, request: Request) -> Any:
        self._process = self._slot.process()
        try:
            with contextlib.closing(self._process.connect()) as channel:
                return channel.ask(request)
        except ConnectionError:
            raise InvalidExport(self._process.exit_reason()) from None


class _ChildExport:
    """An export in a child process, loaded again when the process has died."""

    def __init__(self, slot: ProcessSlot, request: Load) -> None:
        self._slot = slot
        self._request = request
        self._lock = threading.Lock()
        self._loaded: tuple[Process, Channel] | None = self._load()

    def run(self, signature: str, inputs: Tensors) -> Tensors:
        """The outputs of a signature; calls of other signatures wait."""
        with self._lock:
            process, channel = self._running()
            try:
                outputs: Tensors = channel.ask(Run(signature, inputs))
            except ConnectionError:
                self._loaded = None
                raise InferenceFailed(
                    f"{process.exit_reason()}; the next request starts it again"
                ) from None
            return outputs

    def _running(self) -> tuple[Process, Channel]:
        if self._loaded is None or self._loaded[0].has_ended:
            self._loaded = None
            try:
                self._loaded = self._load()
            except InvalidExport as error:
                raise InferenceFailed(
                    f"the model cannot be loaded again: {error.message}"
                ) from error
            logger.warning("%s has been loaded again in a new process", self._request.export)
        return self._loaded

    def _load(self) -> tuple[Process, Channel]:
        process = self._slot.process()
        try:
            channel = process.connect()
            channel.ask(self._request)
        except ConnectionError:
            raise InvalidExport(process.exit_reason()) from None
        return process, channel
