"""The listening sockets that the supervisor opens and all workers share."""

from __future__ import annotations

import contextlib
import logging
import socket
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from service.errors import ServiceError
from service.machine import devices, processes
from service.search.stores.opening import OFF, is_shared
from service.settings import Settings

logger = logging.getLogger(__name__)

_BACKLOG: Final = 2048
"""Connections that wait to be accepted, as in uvicorn."""


class SharedSockets:
    """The listening sockets, and the settings of each worker."""

    def __init__(
        self, settings: Settings, sockets: list[socket.socket], reserved: socket.socket | None
    ) -> None:
        self.settings = settings
        self.sockets = sockets
        self._reserved = reserved
        self.is_announced = False

    @classmethod
    def open(cls, settings: Settings) -> Self:
        """Open the sockets.

        Raises:
            ServiceError: a port is taken, or a setting does not work with several processes.
        """
        check(settings)
        sockets = _listen(settings.host, settings.port)
        reserved = None
        changed: dict[str, Any] = {"port": sockets[0].getsockname()[1]}
        if settings.grpc_port is not None:
            reserved = _reserve(settings.host, settings.grpc_port)
            changed["grpc_port"] = reserved.getsockname()[1]
        if settings.memory_budget_mb is not None:
            changed["memory_budget_mb"] = max(1, settings.memory_budget_mb // settings.workers)
        return cls(settings.model_copy(update=changed), sockets, reserved)

    def announce(self) -> None:
        """Log the addresses, as uvicorn does for one process."""
        host, port, count = self.settings.host, self.settings.port, self.settings.workers
        shown = f"[{host}]" if ":" in host else host
        if self.settings.grpc_port is not None:
            logger.info("gRPC listens on %s:%d", shown, self.settings.grpc_port)
        logger.info("%d workers running on http://%s:%d (Press CTRL+C to quit)", count, shown, port)
        self.is_announced = True

    def close(self) -> None:
        """Close the sockets here; the workers keep theirs."""
        for each in [*self.sockets, *([self._reserved] if self._reserved else [])]:
            each.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def check(settings: Settings) -> None:
    """Refuse settings that do not work with several processes.

    Raises:
        ServiceError: names the setting and what to use instead.
    """
    many = f"WORKERS={settings.workers}"
    if not processes.CAN_PASS_SOCKETS:
        raise ServiceError(
            f"{many}: this system cannot pass sockets to other processes; use WORKERS=1"
        )
    if settings.admin:
        raise ServiceError(
            f"ADMIN=true with {many}: a request would change only the worker that it reaches. "
            "Change MODELS_DIR or models.yaml, which all workers follow, or use WORKERS=1"
        )
    chosen = [settings.device, *(each.device or "" for each in settings.model_options.values())]
    if any("gpu" in each for each in chosen) or ("auto" in chosen and devices.gpu_count()):
        raise ServiceError(f"{many}: each would fill the GPU's memory; use DEVICE=cpu or WORKERS=1")
    is_here = Path(settings.indexes).exists()
    asked = is_here or "indexes" in settings.model_fields_set
    if asked and settings.indexes != OFF and not is_shared(settings.indexes):
        raise ServiceError(
            f"INDEXES={settings.indexes} with {many}: one process alone can open an index folder. "
            "Use INDEXES=postgresql://… for shared indexes, INDEXES=off for none, or WORKERS=1"
        )


def _listen(host: str, port: int) -> list[socket.socket]:
    """A listening socket for each address of the host; port 0 takes a free port."""
    opened: list[socket.socket] = []
    try:
        for family, address in _addresses(host, port):
            each = socket.socket(family, socket.SOCK_STREAM)
            opened.append(each)
            each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                each.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            # With port 0, all addresses of the host use the port that the first one got.
            each.bind((address, opened[0].getsockname()[1] or port))
            each.listen(_BACKLOG)
    except OSError as error:
        for each in opened:
            each.close()
        raise ServiceError(
            f"cannot listen on {host}:{port}: {error.strerror or error}: is PORT taken?"
        ) from None
    return opened


def _reserve(host: str, port: int) -> socket.socket:
    """Reserve a port that each worker listens on with a socket of its own."""
    try:
        family, address = _addresses(host, port)[0]
        # First without SO_REUSEPORT, or two services could share a port by mistake.
        with contextlib.closing(socket.socket(family, socket.SOCK_STREAM)) as alone:
            alone.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            alone.bind((address, port))
            port = alone.getsockname()[1]
        reserved = socket.socket(family, socket.SOCK_STREAM)
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        reserved.bind((address, port))
    except OSError as error:
        raise ServiceError(
            f"gRPC cannot listen on {host}:{port}: {error.strerror or error}: is GRPC_PORT taken?"
        ) from None
    return reserved


def _addresses(host: str, port: int) -> list[tuple[int, str]]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return list(dict.fromkeys((family, str(address[0])) for family, _, _, _, address in found))
