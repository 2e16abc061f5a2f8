"""Messages between the service and its child processes.

A message is pickled, and its arrays follow as raw bytes, so that an array is copied into the socket
and out of it and nowhere else. Pickle is safe here: both ends are this program, and no other
program can open the socket.
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
"""Bytes of a message that is sent in one call: copying it costs less than a second call."""


class Describe(NamedTuple):
    """Ask a runtime for the manifest of an export that has none."""

    runtime: RuntimeName
    export: Path
    threads: int


class Precisions(NamedTuple):
    """Ask a runtime for the precisions of a device."""

    runtime: RuntimeName
    device: Device


class Load(NamedTuple):
    """Ask a runtime to load an export, which stays loaded until the channel is closed."""

    runtime: RuntimeName
    export: Path
    signatures: Mapping[str, Signature]
    placement: Placement


class Run(NamedTuple):
    """Ask for the outputs of a signature of the loaded export."""

    signature: str
    inputs: Tensors


Request = Describe | Precisions | Load | Run


class Reply(NamedTuple):
    """The answer to a request, or the error."""

    kind: Literal["answer", "error"]
    content: Any | ServiceError
    records: list[logging.LogRecord]
    """What was logged while it ran."""


class Channel:
    """One end of a connection, used by one thread at a time."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._received = memoryview(b"")
        """Bytes that were received and not read yet."""
        self._close = weakref.finalize(self, connection.close)

    def ask(self, request: Request) -> Any:
        """Send a request and wait for its answer; its log records are logged here.

        Raises:
            ConnectionError: the other end has closed.
            ServiceError: the answer is an error.
        """
        self.send(request)
        reply: Reply = self.receive()
        for record in reply.records:
            log = logging.getLogger(record.name)
            if log.isEnabledFor(record.levelno):
                log.handle(record)
        if reply.kind == "error":
            raise reply.content
        return reply.content

    def send(self, message: Request | Reply) -> None:
        """Send a message.

        Raises:
            ConnectionError: the other end has closed.
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
        """Wait for a message; its arrays are writable.

        Raises:
            ConnectionError: the other end has closed.
        """
        [count] = _COUNT.unpack(self._read(_COUNT.size))
        sizes = np.frombuffer(self._read(count * _COUNT.size), "<u8")
        head, *arrays = [self._read(int(size)) for size in sizes]
        return pickle.loads(head, buffers=arrays)  # noqa: S301 — written by this program

    def close(self) -> None:
        """Close the connection; so does dropping the last reference."""
        self._close()

    def _read(self, size: int) -> memoryview:
        """The next `size` bytes; more may be received, so that a small message takes one call.

        Each call releases the interpreter to other threads, and getting it back takes long.
        """
        buffer = np.empty(size, np.uint8).data  # not a bytearray, which is filled with zeros first
        filled = 0
        while filled < size:
            if not self._received and size - filled < _SMALL:
                self._received = memoryview(self._connection.recv(_SMALL))
                if not self._received:
                    raise ConnectionResetError("the other end has closed")
            if self._received:
                count = min(size - filled, len(self._received))
                buffer[filled : filled + count] = self._received[:count]
                self._received = self._received[count:]
            else:
                count = self._connection.recv_into(buffer[filled:], 0, socket.MSG_WAITALL)
                if not count:
                    raise ConnectionResetError("the other end has closed")
            filled += count
        return buffer
