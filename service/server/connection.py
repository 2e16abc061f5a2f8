"""uvicorn's HTTP connection, with the head and body of a response written in one call.

uvicorn writes them one after the other. Each write is a system call that wakes the client: a
quarter of the cost of a small response. The responses of one batch are written together at the end
of the event loop's iteration, so that clients are woken when all of them are ready.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any, Final, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_LARGE: Final = 64 * 1024
"""Bytes; longer output is written at once, so that flow control works for large responses."""


class Connection(HttpToolsProtocol):
    """One HTTP connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Wrap the transport in a write buffer."""
        buffer = _WriteBuffer(transport, self.loop, self.tasks)
        super().connection_made(cast(asyncio.Transport, buffer))


class _WriteBuffer:
    """A transport that joins the writes of one iteration of the event loop.

    While only one request is in flight, on any connection, its head waits only for its body.
    """

    __slots__ = ("_buffered", "_in_flight", "_loop", "_size", "_transport")

    def __init__(
        self,
        transport: asyncio.Transport,
        loop: asyncio.AbstractEventLoop,
        in_flight: Collection[object],
    ) -> None:
        self._transport = transport
        self._loop = loop
        self._in_flight = in_flight
        self._buffered: list[bytes] = []
        self._size = 0

    def write(self, data: bytes) -> None:
        buffered = self._buffered
        if not buffered:
            self._loop.call_soon(self._flush)
        buffered.append(data)
        self._size += len(data)
        if self._size > _LARGE or (len(buffered) > 1 and len(self._in_flight) == 1):
            self._flush()

    def _flush(self) -> None:
        if self._buffered and not self._transport.is_closing():
            buffered, self._buffered, self._size = self._buffered, [], 0
            self._transport.writelines(buffered)

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
