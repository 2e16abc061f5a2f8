"""One of several processes that serve together, `python -m service.server.worker LINE SOCKET…`.

The numbers are descriptors: of the line to the supervisor, whose first message has the settings,
and of the sockets that listen for all workers.
"""

from __future__ import annotations

import base64
import pickle
import socket
import sys

import orjson

from service.errors import ServiceError
from service.observability import logs
from service.observability.peers import Siblings
from service.server.http import serve


def main() -> int:
    """Serve as the supervisor says, until it says to stop or is gone."""
    line, *sockets = (socket.socket(fileno=int(each)) for each in sys.argv[1:])
    with line.makefile("rb", buffering=0) as incoming:
        first = orjson.loads(incoming.readline())
    settings = pickle.loads(base64.b64decode(first["settings"]))  # noqa: S301 — from our parent
    logs.configure(settings)
    siblings = Siblings(line, is_replacement=first["is_replacement"])
    try:
        return serve(settings, sockets, siblings)
    except ServiceError as error:
        print(f"error: {error.message}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
