"""One worker process: `python -m service.server.worker CONNECTION SOCKET…`.

The arguments are file descriptors: the connection to the supervisor, whose first message has the
settings, and the listening sockets that all workers share.
"""

from __future__ import annotations

import base64
import pickle
import socket
import sys

import orjson

from service.errors import ServiceError
from service.observability import logs
from service.observability.peers import Peers
from service.server.http import serve


def main() -> int:
    """Serve until the supervisor stops this worker, or ends itself."""
    connection, *sockets = (socket.socket(fileno=int(each)) for each in sys.argv[1:])
    with connection.makefile("rb", buffering=0) as incoming:
        first = orjson.loads(incoming.readline())
    settings = pickle.loads(base64.b64decode(first["settings"]))  # noqa: S301 — from our parent
    logs.configure(settings)
    peers = Peers(connection, is_replacement=first["is_replacement"])
    try:
        return serve(settings, sockets, peers)
    except ServiceError as error:
        print(f"error: {error.message}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
