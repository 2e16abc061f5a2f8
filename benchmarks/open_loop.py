"""Callers who come when they come: latency from the moment a request was due, whatever waits.

A closed loop asks less while a server stalls, and so hides the stall. Here requests are due at
fixed times; one that finds no free connection waits for one, and that counts.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from benchmarks.peers import Request

_LENGTH: Final = re.compile(rb"^content-length: *(\d+)", re.IGNORECASE | re.MULTILINE)
_CHUNKED: Final = re.compile(rb"^transfer-encoding: *chunked", re.IGNORECASE | re.MULTILINE)
_CONNECTIONS: Final = 256
_PATIENCE_S: Final = 30

Judge = Callable[[bytes, int], bool]
"""Whether a body answers the request of this index."""


@dataclass
class Latencies:
    """What callers saw at one rate."""

    milliseconds: list[float] = field(default_factory=list)
    """Of each answer, from when its request was due."""
    errors: int = 0
    """Answers that were not 200 or wrong, and connections that failed."""

    def percentile(self, percent: float) -> float:
        """The latency in ms that `percent` of the answers had at most."""
        ordered = sorted(self.milliseconds)
        return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))] if ordered else 0.0


def post_at(
    url: str, request: Request, is_right: Judge | None, rate: float, seconds: float
) -> Latencies:
    """POST the bodies in turn, `rate` a second."""
    return asyncio.run(_Callers(url, request, is_right).ask(rate, seconds))


class _Callers:
    """Connections that are free, and what was seen."""

    def __init__(self, url: str, request: Request, is_right: Judge | None) -> None:
        self._target = urlsplit(url)
        self._messages = [self._message(request, body) for body in request.bodies]
        self._is_right = is_right
        self._free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self._room = asyncio.Semaphore(_CONNECTIONS)
        self._seen = Latencies()

    def _message(self, request: Request, body: bytes) -> bytes:
        more = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
        head = (
            f"POST {request.path} HTTP/1.1\r\nHost: {self._target.netloc}\r\n"
            f"Content-Type: {request.content_type}\r\nContent-Length: {len(body)}\r\n{more}\r\n"
        )
        return head.encode() + body

    async def ask(self, rate: float, seconds: float) -> Latencies:
        """Send each request when it is due."""
        tasks = []
        started = time.perf_counter() + 0.1
        for number in range(int(rate * seconds)):
            due = started + number / rate
            if (early := due - time.perf_counter()) > 0:
                await asyncio.sleep(early)
            tasks.append(asyncio.create_task(self._one(number % len(self._messages), due)))
        await asyncio.gather(*tasks)
        for _, writer in self._free:
            writer.close()
        return self._seen

    async def _one(self, index: int, due: float) -> None:
        try:
            async with self._room, asyncio.timeout(_PATIENCE_S):
                body = await self._answer(self._messages[index])
            self._seen.milliseconds.append(1000 * (time.perf_counter() - due))
            if self._is_right is not None and not self._is_right(body, index):
                self._seen.errors += 1
        except (OSError, EOFError, ValueError, TimeoutError):
            self._seen.errors += 1

    async def _answer(self, message: bytes) -> bytes:
        if self._free:
            reader, writer = self._free.pop()
        else:
            reader, writer = await asyncio.open_connection(self._target.hostname, self._target.port)
        writer.write(message)
        head = await reader.readuntil(b"\r\n\r\n")
        body = await _body(reader, head)
        if not head.startswith(b"HTTP/1.1 200 "):
            raise ValueError(head.partition(b"\r\n")[0].decode())
        self._free.append((reader, writer))
        return body


async def _body(reader: asyncio.StreamReader, head: bytes) -> bytes:
    if not _CHUNKED.search(head):
        length = _LENGTH.search(head)
        return await reader.readexactly(int(length[1]) if length else 0)
    parts = []
    while size := int((await reader.readline()).split(b";")[0], 16):
        parts.append(await reader.readexactly(size))
        await reader.readline()
    await reader.readline()
    return b"".join(parts)
