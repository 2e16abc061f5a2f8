"""A child process that runs models: `python -m service.loading.isolation.child DESCRIPTOR`.

Through the socket of that descriptor the service hands it channels. Each is served on a thread of
its own, and may load one export, which stays loaded until the channel is closed. The process ends
when the service closes the socket, which the operating system does for a service that was killed.
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

_TURN_S: Final = 0.0005
"""A turn of one thread, a tenth of Python's own: a model that loads holds up those that answer."""

_records: Final = queue.SimpleQueue[logging.LogRecord]()
"""What was logged and not told to the service yet, which writes all logs in its own format."""


def main() -> None:
    """Serve channels until the service is gone."""
    sys.setswitchinterval(_TURN_S)
    logging.basicConfig(level=logging.INFO, handlers=[QueueHandler(_records)])
    with socket.socket(fileno=int(sys.argv[1])) as control:
        while True:
            _, descriptors, _, _ = socket.recv_fds(control, 1, 1)
            if not descriptors:
                break
            channel = Channel(socket.socket(fileno=descriptors[0]))
            threading.Thread(target=_serve, args=(channel,), daemon=True).start()
    os._exit(0)  # nothing is kept, and threads that compute need not be waited for


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
                logger.exception("unexpected, in a child process")
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
    # The garbage collector would walk through the runtime's own objects for a fifth of a second,
    # in which no model answers, whenever one is unloaded.
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
