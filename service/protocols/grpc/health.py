"""gRPC's own health service, which Kubernetes' gRPC probes ask: ready, and alive, by name."""

from __future__ import annotations

from typing import Any, Final

from grpc import StatusCode

from service.engine.engine import Engine
from service.protocols.grpc.calls import Context, Method, service
from service.protocols.grpc.protos.health_pb2 import HealthCheckRequest, HealthCheckResponse
from service.protocols.grpc.status import Refused

_NAME: Final = "grpc.health.v1.Health"
_LIVE: Final = "live"
"""The name under which a probe asks whether the process is alive, models or no models."""


class Health:
    """Answers whether the services are ready, as /health/ready does."""

    def __init__(self, engine: Engine, services: tuple[str, ...]) -> None:
        """`services` are the names that may be asked about, beside the whole ("")."""
        self._engine = engine
        self._services = ("", _LIVE, *services)

    def handler(self) -> Any:
        """The service's gRPC handler."""
        methods = {"Check": Method(HealthCheckRequest, self.check)}
        return service(_NAME, methods, self._engine.settings)

    async def check(self, request: HealthCheckRequest, context: Context) -> HealthCheckResponse:
        """SERVING when every required model is ready, else NOT_SERVING; `live`: SERVING always."""
        if request.service not in self._services:
            known = ", ".join(repr(each) for each in self._services)
            raise Refused(
                StatusCode.NOT_FOUND,
                f"there is no service {request.service[:100]!r}; there are: {known}",
            )
        is_serving = request.service == _LIVE or not self._engine.missing()
        status = HealthCheckResponse.SERVING if is_serving else HealthCheckResponse.NOT_SERVING
        return HealthCheckResponse(status=status)
