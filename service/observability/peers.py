"""A worker's connection to its supervisor, through which it sees the other workers.

Each message is a line of JSON. The supervisor asks a worker for its report; a worker asks the
supervisor for the reports of all. When the connection breaks, the supervisor has died, and the
worker ends too.
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

MAX_MESSAGE_BYTES: Final = 64 * 1024 * 1024
_TIMEOUT_S: Final = 5.0
_POLL_S: Final = 0.05


class MergedReport(NamedTuple):
    """The reports of all workers as one."""

    missing: dict[str, str]
    """The required models that are not ready in at least one worker, and why."""
    families: list[multiprocess.Family]
    """Their metrics, merged."""


class Peers:
    """The connection of one worker. Its methods are called on one event loop."""

    def __init__(self, connection: socket.socket, *, is_replacement: bool) -> None:
        """A replacement takes requests when its models are loaded; its peers serve until then."""
        self._connection = connection
        self._is_replacement = is_replacement
        self._asked: dict[int, asyncio.Future[MergedReport]] = {}
        self._count = 0

    async def join(
        self, missing: Callable[[], dict[str, str]], is_settled: Callable[[], bool]
    ) -> None:
        """Start to answer the supervisor, and report that this worker takes requests.

        Args:
            missing: returns the required models that are not ready here.
            is_settled: returns whether no model is loading.
        """
        self._missing = missing
        reader, self._writer = await asyncio.open_connection(
            sock=self._connection, limit=MAX_MESSAGE_BYTES
        )
        self._listener = asyncio.create_task(self._listen(reader))
        while self._is_replacement and not is_settled():  # noqa: ASYNC110 — see below
            await asyncio.sleep(_POLL_S)  # models load in several places, which send no event
        self._send({"kind": "started"})

    async def leave(self) -> None:
        """Close the connection."""
        self._listener.cancel()
        self._writer.close()

    async def merged_report(self) -> MergedReport:
        """The reports of all running workers.

        Raises:
            NotReady: the supervisor does not answer.
        """
        self._count += 1
        asked = self._count
        self._asked[asked] = asyncio.get_running_loop().create_future()
        try:
            self._send({"kind": "ask", "asked": asked})
            async with asyncio.timeout(_TIMEOUT_S):
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
                    {
                        "kind": "report",
                        "missing": self._missing(),
                        "families": multiprocess.collect(),
                    }
                )
            elif (future := self._asked.get(message["asked"])) is not None and not future.done():
                future.set_result(MergedReport(message["missing"], message["families"]))
        logger.error("this worker ends, since its supervisor has ended")
        os.kill(os.getpid(), signal.SIGTERM)

    def _send(self, message: dict[str, Any]) -> None:
        self._writer.write(orjson.dumps(message) + b"\n")
