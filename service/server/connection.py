"""HTTP connections as uvicorn keeps them, but an answer leaves in one piece.

uvicorn hands head and body to the network one after the other, and each is a system call that wakes
whoever waits at the other end: a quarter of what a small answer costs. Answers of one batch leave
at the end of its turn of the event loop, so that their callers are woken once it is done.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any, Final, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_LARGE: Final = 64 * 1024
"""Bytes; what is longer is not held back, so that a stream's sender feels when it must wait."""


class Connection(HttpToolsProtocol):
    """One connection of a caller."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Begin to listen to the caller."""
        gathering = _Gathering(transport, self.loop, self.tasks)
        super().connection_made(cast(asyncio.Transport, gathering))


class _Gathering:
    """A transport that sends together what is written in one turn of the event loop.

    While one request alone is in flight, of all connections, its head waits for its body only.
    """

    __slots__ = ("_held", "_in_flight", "_loop", "_size", "_transport")

    def __init__(
        self,
        transport: asyncio.Transport,
        loop: asyncio.AbstractEventLoop,
        in_flight: Collection[object],
    ) -> None:
        self._transport = transport
        self._loop = loop
        self._in_flight = in_flight
        self._held: list[bytes] = []
        self._size = 0

    def write(self, data: bytes) -> None:
        held = self._held
        if not held:
            self._loop.call_soon(self._send)
        held.append(data)
        self._size += len(data)
        if self._size > _LARGE or (len(held) > 1 and len(self._in_flight) == 1):
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
