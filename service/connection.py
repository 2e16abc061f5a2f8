"""HTTP connections as uvicorn keeps them, but an answer leaves in one piece.

uvicorn hands head and body to the network one after the other, and each is a system call that wakes
whoever waits at the other end: together, half of what a small answer costs beside its model.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_LARGE: Final = 64 * 1024
"""Bytes; what is longer is not held back, so that a stream's sender feels when it must wait."""


class Connection(HttpToolsProtocol):
    """One connection of a caller."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Begin to listen to the caller."""
        super().connection_made(cast(asyncio.Transport, _Gathering(transport, self.loop)))


class _Gathering:
    """A transport that sends together what is written in one turn of the event loop."""

    __slots__ = ("_held", "_loop", "_size", "_transport")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held: list[bytes] = []
        self._size = 0

    def write(self, data: bytes) -> None:
        if not self._held:
            self._loop.call_soon(self._send)
        self._held.append(data)
        self._size += len(data)
        if self._size > _LARGE:
            self._send()

    def _send(self) -> None:
        if self._held and not self._transport.is_closing():
            held, self._held, self._size = self._held, [], 0
            self._transport.writelines(held)

    def close(self) -> None:
        self._send()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
