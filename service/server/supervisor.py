"""Starts, watches, replaces and stops the worker processes.

The supervisor opens the sockets and serves nothing itself; the workers accept connections from
them. uvicorn's own supervisor (`--workers`, read at 0.54) would not do: its health check is
answered by a thread, so a hung event loop looks alive; a worker that crashes is restarted at once,
without a delay or a limit; and a restarted worker takes requests before its models are loaded.
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
from service.observability.peers import MAX_MESSAGE_BYTES
from service.server.sockets import SharedSockets
from service.settings import Settings

logger = logging.getLogger(__name__)

_GRACE_S: Final = 10
"""Seconds after SHUTDOWN_TIMEOUT_S for a worker to free its models, before it is killed."""
_HEALTHY_S: Final = 30.0
"""A worker that ran this long is replaced without delay."""
_FIRST_DELAY_S: Final = 0.5
_LONGEST_DELAY_S: Final = 30.0
_MOST_FAILURES: Final = 5
"""Replacements in a row that may fail before they serve; then the service stops."""
_REPORT_INTERVAL_S: Final = 1.0
"""Seconds between reports; counts since the last report are lost when a worker is killed."""
_REPORT_TIMEOUT_S: Final = 2.0
_HUNG_S: Final = 60.0
"""A worker that sends no heartbeat for this long is killed."""
_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


def serve(settings: Settings) -> int:
    """Serve with WORKERS processes until a signal stops them; returns the exit status.

    Raises:
        ServiceError: a port is taken, or a setting does not work with several processes.
    """
    with SharedSockets.open(settings) as shared:
        return asyncio.run(Supervisor(shared).run())


class WorkerProcess:
    """One worker process and its last report."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.has_started = False
        self.is_disconnected = False
        self.families: list[multiprocess.Family] = []
        self.missing: dict[str, str] = {}
        self._heartbeat_at = time.monotonic()
        self._pending_report: asyncio.Future[None] | None = None

    @property
    def seconds_since_heartbeat(self) -> float:
        """Seconds since the last heartbeat."""
        return time.monotonic() - self._heartbeat_at

    async def start(self, shared: SharedSockets, *, is_replacement: bool) -> None:
        """Start the process and send it the settings."""
        ours, theirs = socket.socketpair()
        descriptors = [theirs.fileno(), *(each.fileno() for each in shared.sockets)]
        share = max(1, (os.cpu_count() or 1) // shared.settings.workers)
        with theirs:
            self.process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", "service.server.worker", *map(str, descriptors)),
                pass_fds=descriptors,
                stdin=asyncio.subprocess.DEVNULL,
                env=os.environ | {"PYTHONPATH": processes.search_path(), cores.SHARE: str(share)},
                start_new_session=True,  # Ctrl-C in a terminal reaches the supervisor alone
            )
        self.reader, self._writer = await asyncio.open_connection(
            sock=ours, limit=MAX_MESSAGE_BYTES
        )
        settings = base64.b64encode(pickle.dumps(shared.settings)).decode()
        self.send({"settings": settings, "is_replacement": is_replacement})

    def send(self, message: dict[str, Any]) -> None:
        """Send a message; a worker that has ended is ignored."""
        self._writer.write(orjson.dumps(message) + b"\n")

    async def request_report(self) -> None:
        """Ask for a report and wait for it, up to a timeout."""
        self._pending_report = asyncio.get_running_loop().create_future()
        self.send({"kind": "report"})
        await asyncio.wait([self._pending_report], timeout=_REPORT_TIMEOUT_S)

    def record_report(self, message: dict[str, Any]) -> None:
        """Store a report."""
        self.families, self.missing = message["families"], message["missing"]
        self.record_heartbeat()
        self._stop_waiting()

    def record_heartbeat(self) -> None:
        """Record a heartbeat."""
        self._heartbeat_at = time.monotonic()

    def signal(self, number: int) -> None:
        """Send a signal, unless the process has ended."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)

    def mark_disconnected(self) -> None:
        """Mark the connection as closed by the worker."""
        self.is_disconnected = True
        self._stop_waiting()

    def close(self) -> None:
        """Close the connection."""
        self._writer.close()

    def _stop_waiting(self) -> None:
        if self._pending_report is not None and not self._pending_report.done():
            self._pending_report.set_result(None)


class Supervisor:
    """Keeps WORKERS worker processes running."""

    def __init__(self, shared: SharedSockets) -> None:
        self._shared = shared
        self._count = shared.settings.workers
        self._workers: dict[int, WorkerProcess] = {}
        self._ended_families: list[multiprocess.Family] = []
        self._stop = asyncio.Event()
        self._reporting = asyncio.Lock()
        self._answers: set[asyncio.Task[None]] = set()
        self._status = 0

    async def run(self) -> int:
        """Run until a signal arrives or a worker cannot start; returns the exit status."""
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.add_signal_handler(number, self._stop.set)
        keepers = [
            asyncio.create_task(self._keep_running(each)) for each in range(1, self._count + 1)
        ]
        for each in keepers:  # one may fail, for example without memory for a process
            each.add_done_callback(lambda _: self._stop.set())
        reports = asyncio.create_task(self._report_regularly())
        await self._stop.wait()
        reports.cancel()
        self._shared.close()  # refuse new connections instead of leaving them in the backlog
        for worker in self._workers.values():
            worker.signal(signal.SIGTERM)
        timeout = self._shared.settings.shutdown_timeout_s + _GRACE_S
        _, slow = await asyncio.wait(keepers, timeout=timeout)
        for worker in self._workers.values() if slow else ():
            logger.error("killing worker %d: it did not end within %d s", worker.number, timeout)
            worker.signal(signal.SIGKILL)
        await asyncio.gather(*keepers)
        return self._status

    async def _keep_running(self, number: int) -> None:
        """Run a worker, and replace it whenever it ends."""
        is_replacement, failures, delay = False, 0, 0.0
        while not self._stop.is_set():
            began = time.monotonic()
            worker = WorkerProcess(number)
            reason = await self._run_worker(worker, is_replacement=is_replacement)
            if self._stop.is_set():
                return
            failures = 0 if worker.has_started else failures + 1
            if failures == _MOST_FAILURES or (failures and not is_replacement):
                logger.error("%s before it could serve; the reason is above", reason)
                self._status = max(worker.process.returncode or 0, 1)
                self._stop.set()
                return
            is_replacement = True
            lived = time.monotonic() - began
            delay = min(delay * 2 or _FIRST_DELAY_S, _LONGEST_DELAY_S)
            delay = 0.0 if lived > _HEALTHY_S else delay
            logger.error("%s; another starts in %g s", reason, delay)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), delay)

    async def _run_worker(self, worker: WorkerProcess, *, is_replacement: bool) -> str:
        """Start a worker and wait until it ends; returns why it ended."""
        await worker.start(self._shared, is_replacement=is_replacement)
        self._workers[worker.number] = worker
        if self._stop.is_set():  # it was set while the process started
            worker.signal(signal.SIGTERM)
        await self._listen(worker)
        status = await worker.process.wait()
        worker.close()
        del self._workers[worker.number]
        kept = multiprocess.cumulative(worker.families)
        self._ended_families = multiprocess.merge([self._ended_families, kept])
        return (
            f"worker {worker.number} (process {worker.process.pid}) {processes.exit_reason(status)}"
        )

    async def _listen(self, worker: WorkerProcess) -> None:
        """Handle a worker's messages until it disconnects."""
        with contextlib.suppress(ConnectionError):
            while line := await worker.reader.readline():
                message = orjson.loads(line)
                if message["kind"] == "started":
                    self._record_start(worker)
                elif message["kind"] == "report":
                    worker.record_report(message)
                else:
                    answer = asyncio.create_task(self._answer(worker, message["asked"]))
                    self._answers.add(answer)
                    answer.add_done_callback(self._answers.discard)
        worker.mark_disconnected()

    def _record_start(self, worker: WorkerProcess) -> None:
        worker.has_started = True
        worker.record_heartbeat()
        logger.info("worker %d serves as process %d", worker.number, worker.process.pid)
        started = [each for each in self._workers.values() if each.has_started]
        if len(started) == self._count and not self._shared.is_announced:
            self._shared.announce()

    async def _report_regularly(self) -> None:
        while True:
            await asyncio.sleep(_REPORT_INTERVAL_S)
            for worker in await self._collect_reports():
                if worker.seconds_since_heartbeat > _HUNG_S:
                    logger.error("killing worker %d: it does not respond", worker.number)
                    worker.signal(signal.SIGKILL)

    async def _collect_reports(self) -> list[WorkerProcess]:
        async with self._reporting:
            connected = [
                each
                for each in self._workers.values()
                if each.has_started and not each.is_disconnected
            ]
            await asyncio.gather(*(each.request_report() for each in connected))
            return connected

    async def _answer(self, asker: WorkerProcess, asked: int) -> None:
        """Send one worker the reports of all."""
        await self._collect_reports()
        workers = list(self._workers.values())
        missing = {name: why for each in workers for name, why in each.missing.items()}
        if not self._shared.is_announced:
            waits = [each.number for each in workers if not each.has_started]
            missing |= {f"worker {number}": "it is starting" for number in waits}
        families = multiprocess.merge([self._ended_families, *(each.families for each in workers)])
        asker.send({"kind": "reports", "asked": asked, "missing": missing, "families": families})
