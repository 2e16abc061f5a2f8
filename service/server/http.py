"""The HTTP server of one process: uvicorn, as the settings say."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from socket import socket

import uvicorn

from service.app import create_app
from service.observability.peers import Peers
from service.server.connection import Connection
from service.settings import Settings


def serve(
    settings: Settings,
    sockets: Sequence[socket] | None = None,
    peers: Peers | None = None,
) -> int:
    """Serve until a signal says to stop; `sockets` listen already where they are given.

    Returns the exit status, 3 where the service could not start.

    Raises:
        ServiceError: gRPC is asked for and not installed.
    """
    # uvicorn shuts down in order and then raises the signal anew: a stop asked for is a success.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    config = uvicorn.Config(
        create_app(settings, peers),
        host=settings.host,
        port=settings.port,
        http=Connection,
        log_config=None,
        access_log=settings.access_log,
        proxy_headers=settings.access_log,  # nothing else asks who the caller is
        timeout_graceful_shutdown=settings.shutdown_timeout_s,
        server_header=False,
    )
    server = uvicorn.Server(config)
    try:
        server.run(None if sockets is None else list(sockets))
    except KeyboardInterrupt:  # raised anew, as said above
        return 0
    return 0 if server.started else 3
