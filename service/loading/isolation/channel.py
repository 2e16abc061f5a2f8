"""Messages between the service and a child process of its own: tensors lie in them as they are.

A message is pickled, and the arrays in it follow as plain bytes, so that an array is copied into
the socket and out of it and nowhere else. Both ends are this program: nobody else can reach them.
"""

from __future__ import annotations

import logging
import pickle
import socket
import struct
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import numpy as np

from service.errors import ServiceError
from service.machine.devices import Device
from service.manifest import Signature
from service.runtimes import Placement, RuntimeName, Tensors

_COUNT: Final = struct.Struct("<Q")
_SMALL: Final = 64 * 1024
"""Bytes up to which a message is sent in one piece: a copy costs less than a call."""


class Describe(NamedTuple):
    """Asks a runtime for the manifest of an export that has none."""

    runtime: RuntimeName
    export: Path
    threads: int


class Precisions(NamedTuple):
    """Asks a runtime for the precisions of a device."""

    runtime: RuntimeName
    device: Device


class Load(NamedTuple):
    """Asks a runtime to load an export, which stays loaded until this channel is closed."""

    runtime: RuntimeName
    export: Path
    signatures: Mapping[str, Signature]
    placement: Placement


class Run(NamedTuple):
    """Asks for the outputs of a signature of the export that was loaded."""

    signature: str
    inputs: Tensors


Request = Describe | Precisions | Load | Run


class Reply(NamedTuple):
    """The answer to a request, or why there is none."""

    kind: Literal["answer", "error"]
    content: Any | ServiceError
    records: list[logging.LogRecord]
    """What was logged meanwhile."""


class Channel:
    """One end of a connection. One thread at a time."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._ahead = memoryview(b"")
        """What was received and not read yet."""
        self._close = weakref.finalize(self, connection.close)

    def ask(self, request: Request) -> Any:
        """Send a request and wait for its answer; what was logged for it is logged here.

        Raises:
            ConnectionError: the other end is gone.
            ServiceError: the answer is an error.
        """
        self.send(request)
        reply: Reply = self.receive()
        for record in reply.records:
            home = logging.getLogger(record.name)
            if home.isEnabledFor(record.levelno):
                home.handle(record)
        if reply.kind == "error":
            raise reply.content
        return reply.content

    def send(self, message: Request | Reply) -> None:
        """Send a message.

        Raises:
            ConnectionError: the other end is gone.
        """
        arrays: list[pickle.PickleBuffer] = []
        head = pickle.dumps(message, protocol=5, buffer_callback=arrays.append)
        parts = [memoryview(head), *(array.raw() for array in arrays)]
        sizes = [len(parts), *(part.nbytes for part in parts)]
        start = b"".join(map(_COUNT.pack, sizes))
        if sum(sizes) < _SMALL:
            self._connection.sendall(b"".join([start, *parts]))
        else:
            self._connection.sendall(start)
            for part in parts:
                self._connection.sendall(part)

    def receive(self) -> Any:
        """Wait for a message; its arrays may be written to.

        Raises:
            ConnectionError: the other end is gone.
        """
        [count] = _COUNT.unpack(self._read(_COUNT.size))
        sizes = np.frombuffer(self._read(count * _COUNT.size), "<u8")
        head, *arrays = [self._read(int(size)) for size in sizes]
        return pickle.loads(head, buffers=arrays)  # noqa: S301 — written by this program

    def close(self) -> None:
        """End the conversation; the last reference does it too."""
        self._close()

    def _read(self, size: int) -> memoryview:
        """The next bytes; what comes along with them is kept, so that a small message is one call.

        Each call lets other threads have the interpreter, and it is long until it comes back.
        """
        buffer = np.empty(size, np.uint8).data  # not a bytearray, which is filled with zeros first
        filled = 0
        while filled < size:
            if not self._ahead and size - filled < _SMALL:
                self._ahead = memoryview(self._connection.recv(_SMALL))
                if not self._ahead:
                    raise ConnectionResetError("the other end is gone")
            if self._ahead:
                count = min(size - filled, len(self._ahead))
                buffer[filled : filled + count] = self._ahead[:count]
                self._ahead = self._ahead[count:]
            else:
                count = self._connection.recv_into(buffer[filled:], 0, socket.MSG_WAITALL)
                if not count:
                    raise ConnectionResetError("the other end is gone")
            filled += count
        return buffer
