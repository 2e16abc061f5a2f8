"""Several processes that serve together: started, watched, replaced and ended by this one.

This process listens and serves nothing itself: the workers take connections from its sockets.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import logging
import os
import pickle
import signal
import socket
import sys
import time
from typing import Any, Final

import orjson

from service.machine import cores, processes
from service.observability import multiprocess
from service.observability.peers import LONGEST_LINE
from service.server.sockets import Listening
from service.settings import Settings

logger = logging.getLogger(__name__)

_GRACE_S: Final = 10
"""Seconds past SHUTDOWN_TIMEOUT_S in which a worker frees its models, before it is killed."""
_HEALTHY_S: Final = 30.0
"""A worker that lived for so long is replaced without delay."""
_FIRST_DELAY_S: Final = 0.5
_LONGEST_DELAY_S: Final = 30.0
_MOST_FAILURES: Final = 5
"""Replacements in a row that may end before they serve: then waiting does not mend it."""
_ROUND_S: Final = 1.0
"""Seconds between two rounds of reports: what a worker that is killed may have counted since."""
_ANSWER_S: Final = 2.0
_HUNG_S: Final = 60.0
"""A worker that answers nothing for so long is killed: others answer whoever asks if it lives."""
_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


def serve(settings: Settings) -> int:
    """Serve with WORKERS processes until a signal says to stop; gives the exit status.

    Raises:
        ServiceError: a port cannot be listened on, or workers cannot share what is asked for.
    """
    with Listening.of(settings) as listening:
        return asyncio.run(Supervisor(listening).run())


class Worker:
    """One process, and what it said last."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.has_started = False
        self.has_left = False
        self.families: list[multiprocess.Family] = []
        self.missing: dict[str, str] = {}
        self._heard_at = time.monotonic()
        self._reply: asyncio.Future[None] | None = None

    @property
    def silence(self) -> float:
        """Seconds since it said what it counts."""
        return time.monotonic() - self._heard_at

    async def start(self, listening: Listening, *, is_replacement: bool) -> None:
        """Start the process and tell it the settings."""
        ours, theirs = socket.socketpair()
        descriptors = [theirs.fileno(), *(each.fileno() for each in listening.sockets)]
        share = max(1, (os.cpu_count() or 1) // listening.settings.workers)
        with theirs:
            self.process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", "service.server.worker", *map(str, descriptors)),
                pass_fds=descriptors,
                stdin=asyncio.subprocess.DEVNULL,
                env=os.environ | {"PYTHONPATH": processes.search_path(), cores.SHARE: str(share)},
                start_new_session=True,  # Ctrl-C in a terminal is for the supervisor to hand on
            )
        self.reader, self._writer = await asyncio.open_connection(sock=ours, limit=LONGEST_LINE)
        told = base64.b64encode(pickle.dumps(listening.settings)).decode()
        self.send({"settings": told, "is_replacement": is_replacement})

    def send(self, message: dict[str, Any]) -> None:
        """Say something to it, whether it lives or not."""
        self._writer.write(orjson.dumps(message) + b"\n")

    async def report(self) -> None:
        """Ask what it counts, and wait until it said so or is too busy to."""
        self._reply = asyncio.get_running_loop().create_future()
        self.send({"kind": "report"})
        await asyncio.wait([self._reply], timeout=_ANSWER_S)

    def reported(self, message: dict[str, Any]) -> None:
        """Keep what it says."""
        self.families, self.missing = message["families"], message["missing"]
        self.heard()
        self.replied()

    def heard(self) -> None:
        """It is there."""
        self._heard_at = time.monotonic()

    def replied(self) -> None:
        """Nobody is to wait for it any longer."""
        if self._reply is not None and not self._reply.done():
            self._reply.set_result(None)

    def signal(self, number: int) -> None:
        """Send it a signal, if it lives."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)

    def leave(self) -> None:
        """It says no more."""
        self.has_left = True
        self.replied()

    def close(self) -> None:
        """Let go of its line."""
        self._writer.close()


class Supervisor:
    """Keeps as many workers as the settings say."""

    def __init__(self, listening: Listening) -> None:
        self._listening = listening
        self._count = listening.settings.workers
        self._workers: dict[int, Worker] = {}
        self._past: list[multiprocess.Family] = []
        self._stop = asyncio.Event()
        self._turn = asyncio.Lock()
        self._telling: set[asyncio.Task[None]] = set()
        self._status = 0

    async def run(self) -> int:
        """Serve until a signal, or until a worker could not start; gives the exit status."""
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.add_signal_handler(number, self._stop.set)
        keeping = [asyncio.create_task(self._keep(each)) for each in range(1, self._count + 1)]
        for each in keeping:  # whatever ends one of them, such as no memory for a process
            each.add_done_callback(lambda _: self._stop.set())
        rounds = asyncio.create_task(self._go_round())
        await self._stop.wait()
        rounds.cancel()
        self._listening.close()  # what waits for a connection is not to wait for nobody
        for worker in self._workers.values():
            worker.signal(signal.SIGTERM)
        patience = self._listening.settings.shutdown_timeout_s + _GRACE_S
        _, slow = await asyncio.wait(keeping, timeout=patience)
        for worker in self._workers.values() if slow else ():
            logger.error("worker %d did not end within %d s: it is killed", worker.number, patience)
            worker.signal(signal.SIGKILL)
        await asyncio.gather(*keeping)
        return self._status

    async def _keep(self, number: int) -> None:
        """Have a worker of this number, and another when it ends."""
        is_replacement, failures, delay = False, 0, 0.0
        while not self._stop.is_set():
            began = time.monotonic()
            worker = Worker(number)
            how = await self._live(worker, is_replacement=is_replacement)
            if self._stop.is_set():
                return
            failures = 0 if worker.has_started else failures + 1
            if failures == _MOST_FAILURES or (failures and not is_replacement):
                logger.error("%s before it could serve; the reason is above", how)
                self._status = max(worker.process.returncode or 0, 1)
                self._stop.set()
                return
            is_replacement = True
            lived = time.monotonic() - began
            delay = min(delay * 2 or _FIRST_DELAY_S, _LONGEST_DELAY_S)
            delay = 0.0 if lived > _HEALTHY_S else delay
            logger.error("%s; another starts in %g s", how, delay)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), delay)

    async def _live(self, worker: Worker, *, is_replacement: bool) -> str:
        """Start a worker and stay with it to its end; gives how it ended."""
        await worker.start(self._listening, is_replacement=is_replacement)
        self._workers[worker.number] = worker
        if self._stop.is_set():  # it came while the process was being made
            worker.signal(signal.SIGTERM)
        await self._listen(worker)
        status = await worker.process.wait()
        worker.close()
        del self._workers[worker.number]
        self._past = multiprocess.added([self._past, multiprocess.lasting(worker.families)])
        return (
            f"worker {worker.number} (process {worker.process.pid}) {processes.exit_reason(status)}"
        )

    async def _listen(self, worker: Worker) -> None:
        """Hear what a worker says until it ends."""
        with contextlib.suppress(ConnectionError):
            while line := await worker.reader.readline():
                message = orjson.loads(line)
                if message["kind"] == "started":
                    self._greet(worker)
                elif message["kind"] == "report":
                    worker.reported(message)
                else:
                    telling = asyncio.create_task(self._tell(worker, message["asked"]))
                    self._telling.add(telling)
                    telling.add_done_callback(self._telling.discard)
        worker.leave()

    def _greet(self, worker: Worker) -> None:
        worker.has_started = True
        worker.heard()
        logger.info("worker %d serves as process %d", worker.number, worker.process.pid)
        started = [each for each in self._workers.values() if each.has_started]
        if len(started) == self._count and not self._listening.is_announced:
            self._listening.announce()

    async def _go_round(self) -> None:
        while True:
            await asyncio.sleep(_ROUND_S)
            for worker in await self._hear_all():
                if worker.silence > _HUNG_S:
                    logger.error("worker %d says nothing: it is killed", worker.number)
                    worker.signal(signal.SIGKILL)

    async def _hear_all(self) -> list[Worker]:
        async with self._turn:
            heard = [
                each for each in self._workers.values() if each.has_started and not each.has_left
            ]
            await asyncio.gather(*(each.report() for each in heard))
            return heard

    async def _tell(self, asker: Worker, asked: int) -> None:
        """Tell one worker what all say."""
        await self._hear_all()
        workers = list(self._workers.values())
        missing = {name: why for each in workers for name, why in each.missing.items()}
        if not self._listening.is_announced:
            waits = [each.number for each in workers if not each.has_started]
            missing |= {f"worker {number}": "it is starting" for number in waits}
        families = multiprocess.added([self._past, *(each.families for each in workers)])
        asker.send({"kind": "whole", "asked": asked, "missing": missing, "families": families})
