"""A child process that runs models: `python -m service.loading.isolation.child DESCRIPTOR`.

The service passes it channels through the socket of that descriptor. Each channel is served on a
thread of its own and may load one export, which stays loaded until the channel is closed. The
process ends when the socket closes, so also when the service is killed.
"""

from __future__ import annotations

import gc
import logging
import os
import queue
import socket
import sys
import threading
from functools import cache
from logging.handlers import QueueHandler
from typing import Any, Final

from service import runtimes
from service.errors import InferenceFailed, ServiceError
from service.loading.isolation.channel import (
    Channel,
    Describe,
    Load,
    Precisions,
    Reply,
    Request,
    Run,
)
from service.machine import memory
from service.runtimes import Program, Runtime, RuntimeName

logger = logging.getLogger(__name__)

_SWITCH_INTERVAL_S: Final = 0.0005
"""Python's thread switch interval, a tenth of its default: a loading model delays others less."""

_records: Final = queue.SimpleQueue[logging.LogRecord]()
"""Log records to send to the service, which writes all logs in its own format."""


def main() -> None:
    """Serve channels until the service ends."""
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    logging.basicConfig(level=logging.INFO, handlers=[QueueHandler(_records)])
    with socket.socket(fileno=int(sys.argv[1])) as control:
        while True:
            _, descriptors, _, _ = socket.recv_fds(control, 1, 1)
            if not descriptors:
                break
            channel = Channel(socket.socket(fileno=descriptors[0]))
            threading.Thread(target=_serve, args=(channel,), daemon=True).start()
    os._exit(0)  # there is nothing to save, and no need to wait for threads that compute


def _serve(channel: Channel) -> None:
    """Answer a channel's requests until it is closed."""
    program: Program = {}
    try:
        while True:
            request: Request = channel.receive()
            try:
                if isinstance(request, Load):
                    program = _load(request)
                    reply = Reply("answer", None, _drain())
                else:
                    reply = Reply("answer", _answer(request, program), _drain())
            except ServiceError as error:
                reply = Reply("error", error.with_traceback(None), _drain())
            except Exception as error:
                logger.exception("unexpected error in a child process")
                reason = InferenceFailed(f"{type(error).__name__}: {error}")
                reply = Reply("error", reason, _drain())
            channel.send(reply)
            del request, reply
    except ConnectionError:
        channel.close()
    del program
    memory.trim()


def _load(request: Load) -> Program:
    runtime = _runtime(request.runtime)
    return runtime.load(request.export, request.signatures, request.placement)


@cache
def _runtime(name: RuntimeName) -> Runtime:
    runtime = runtimes.get(name)
    # Freeze the runtime's own objects: whenever a model is unloaded, the garbage collector would
    # walk through them for a fifth of a second, in which no model answers.
    gc.collect()
    gc.freeze()
    return runtime


def _answer(request: Describe | Precisions | Run, program: Program) -> Any:
    match request:
        case Run(signature, inputs):
            return program[signature](inputs)
        case Describe(runtime, export, threads):
            return _runtime(runtime).describe(export, threads)
        case Precisions(runtime, device):
            return _runtime(runtime).precisions(device)


def _drain() -> list[logging.LogRecord]:
    records = []
    while not _records.empty():
        records.append(_records.get())
    return records


if __name__ == "__main__":
    main()
