"""Callers that ask one after the other without a pause, each over a connection of its own."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias
from urllib.parse import urlsplit

_LENGTH: Final = re.compile(rb"^content-length: *(\d+)", re.IGNORECASE | re.MULTILINE)
_CLOSE: Final = re.compile(rb"^connection: *close", re.IGNORECASE | re.MULTILINE)


@dataclass
class Seen:
    """What callers saw."""

    milliseconds: list[float] = field(default_factory=list)
    """How long each answer took."""
    failures: list[str] = field(default_factory=list)
    """Answers other than 200, by an older version than the one before, and lost connections."""


Check: TypeAlias = Callable[[dict[str, Any]], str]
"""What is wrong with an answer of /v1/classify; empty where nothing is."""


def newer() -> Check:
    """A check that no answer is by an older version than the one before."""
    last = 0

    def check(answer: dict[str, Any]) -> str:
        nonlocal last
        before, last = last, int(answer["version"])
        return f"version {last} answered after {before}" if last < before else ""

    return check


async def ask(
    url: str, image: bytes, seen: Seen, until: asyncio.Event, check: Check | None = None
) -> None:
    """POST an image to `url` over and over; raw HTTP costs a fifth of what a client does.

    Each answer is checked by `check`; left out, by `newer()`.
    """
    check = check or newer()
    target = urlsplit(url)
    head = (
        f"POST {target.path}?{target.query} HTTP/1.1\r\nHost: {target.netloc}\r\n"
        f"Content-Type: image/png\r\nContent-Length: {len(image)}\r\n\r\n"
    )
    request = head.encode() + image
    while not until.is_set():
        try:
            reader, writer = await asyncio.open_connection(target.hostname, target.port)
            try:
                stays = True
                while stays and not until.is_set():
                    started = time.perf_counter()
                    writer.write(request)
                    answer, stays = await _answer(reader)
                    seen.milliseconds.append(1000 * (time.perf_counter() - started))
                    if wrong := check(answer):
                        seen.failures.append(wrong)
            finally:
                writer.close()
        except (OSError, EOFError, ValueError) as error:
            seen.failures.append(f"{type(error).__name__}: {error}")


async def _answer(reader: asyncio.StreamReader) -> tuple[dict[str, Any], bool]:
    """The body of the next answer, and whether the connection stays open after it.

    Raises:
        ValueError: the status is not 200.
        OSError: the connection was lost; EOFError too.
    """
    head = await reader.readuntil(b"\r\n\r\n")
    length = _LENGTH.search(head)
    body = await reader.readexactly(int(length[1]) if length else 0)
    if not head.startswith(b"HTTP/1.1 200 "):
        status = head.partition(b"\r\n")[0].decode()
        raise ValueError(f"{status}: {body.decode()}")
    return json.loads(body), _CLOSE.search(head) is None
