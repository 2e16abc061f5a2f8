"""The gRPC server: its port, its limits, its services, its end."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, Final

import grpc.aio

from service.engine.engine import Engine
from service.errors import ServiceError
from service.protocols.grpc.health import Health

logger = logging.getLogger(__name__)

_UNLIMITED: Final = -1


class Server:
    """`await server.start()` on the event loop of the engine; `await server.stop()` ends it."""

    def __init__(self, engine: Engine, port: int, services: Sequence[Any]) -> None:
        """`services` are the gRPC handlers of the protocols."""
        self._engine = engine
        self._services = services
        self._asked = port
        self._server: Any = None

    async def start(self) -> None:
        """Listen; port 0 takes a free one, and the log says which.

        Raises:
            ServiceError: the port is taken.
        """
        settings = self._engine.settings
        self._server = grpc.aio.server(
            options=[
                ("grpc.max_receive_message_length", settings.max_body_bytes),
                ("grpc.max_send_message_length", _UNLIMITED),
                # Else two services would share a port unawares; for workers it was found free.
                ("grpc.so_reuseport", int(settings.workers > 1)),
            ]
        )
        names = tuple(service.service_name() for service in self._services)
        health = Health(self._engine, names).handler()
        self._server.add_generic_rpc_handlers((*self._services, health))
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        try:
            port = self._server.add_insecure_port(f"{host}:{self._asked}")
        except RuntimeError as error:
            raise ServiceError(
                f"gRPC cannot listen on {host}:{self._asked}: is GRPC_PORT taken? ({error})"
            ) from None
        await self._server.start()
        if settings.workers == 1:  # else it is said once for all of them
            logger.info("gRPC listens on %s:%d", host, port)

    async def stop(self) -> None:
        """Take no new calls, and give those in flight SHUTDOWN_TIMEOUT_S to end."""
        if self._server is not None:
            await self._server.stop(self._engine.settings.shutdown_timeout_s)
