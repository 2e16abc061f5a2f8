"""The workers beside this one, as a worker sees them: through the line to their supervisor.

Each message is a line of JSON. The supervisor asks for reports; a worker asks for the whole, which
is the reports of all. A line that is cut says that the supervisor has died: the worker ends too.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import orjson

from service.errors import NotReady
from service.observability import multiprocess

logger = logging.getLogger(__name__)

LONGEST_LINE: Final = 64 * 1024 * 1024
"""Bytes of a message."""
_PATIENCE_S: Final = 5.0
_LOOK_AGAIN_S: Final = 0.05


class Whole(NamedTuple):
    """What all workers say together."""

    missing: dict[str, str]
    """The required models that are not ready in one of them, and why."""
    families: list[multiprocess.Family]
    """Their counts, added up."""


class Siblings:
    """The line of one worker. Its methods are called on one event loop."""

    def __init__(self, line: socket.socket, *, is_replacement: bool) -> None:
        """A replacement takes requests when its models are loaded: the others answer till then."""
        self._line = line
        self._is_replacement = is_replacement
        self._asked: dict[int, asyncio.Future[Whole]] = {}
        self._count = 0

    async def join(
        self, missing: Callable[[], dict[str, str]], is_settled: Callable[[], bool]
    ) -> None:
        """Begin to answer the supervisor, and say that this worker is about to take requests.

        `missing` gives the required models that are not ready here; `is_settled` says whether none
        is still being loaded.
        """
        self._missing = missing
        reader, self._writer = await asyncio.open_connection(sock=self._line, limit=LONGEST_LINE)
        self._listener = asyncio.create_task(self._listen(reader))
        while self._is_replacement and not is_settled():  # noqa: ASYNC110 — see below
            await asyncio.sleep(_LOOK_AGAIN_S)  # several places load, and none tells of it
        self._send({"kind": "started"})

    async def leave(self) -> None:
        """Let go of the line."""
        self._listener.cancel()
        self._writer.close()

    async def ask(self) -> Whole:
        """What all workers say, those that live.

        Raises:
            NotReady: the supervisor does not answer.
        """
        self._count += 1
        asked = self._count
        self._asked[asked] = asyncio.get_running_loop().create_future()
        try:
            self._send({"kind": "ask", "asked": asked})
            async with asyncio.timeout(_PATIENCE_S):
                return await self._asked[asked]
        except TimeoutError:
            raise NotReady("the workers' supervisor does not answer") from None
        finally:
            del self._asked[asked]

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        while line := await reader.readline():
            message = orjson.loads(line)
            if message["kind"] == "report":
                self._send(
                    {"kind": "report", "missing": self._missing(), "families": multiprocess.taken()}
                )
            elif (future := self._asked.get(message["asked"])) is not None and not future.done():
                future.set_result(Whole(message["missing"], message["families"]))
        logger.error("the supervisor has ended, and so does this worker")
        os.kill(os.getpid(), signal.SIGTERM)

    def _send(self, message: dict[str, Any]) -> None:
        self._writer.write(orjson.dumps(message) + b"\n")
