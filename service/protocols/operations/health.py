"""What operators and orchestrators ask: is it alive, is it ready, what does it count."""

from __future__ import annotations

from typing import Any, Final

import orjson
from fastapi import APIRouter
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel, ConfigDict
from starlette.responses import Response

from service.observability import multiprocess
from service.protocols.http.request import Context
from service.protocols.http.route import JSONReply
from service.protocols.openai.error import OpenAIErrorRoute
from service.protocols.openapi.document import Responses
from service.version import __version__


class Liveness(BaseModel):
    """That the process lives, and the service's version."""

    live: bool
    version: str


class Readiness(BaseModel):
    """Whether the service can answer."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    ready: bool
    missing: dict[str, str]
    """The required models that are not ready, and why."""


_NOT_READY: Final[Responses] = {503: {"model": Readiness, "description": "It cannot answer yet"}}

router: Final = APIRouter(route_class=OpenAIErrorRoute, tags=["Operations"])


@router.get("/health/live", summary="Is the process alive?", response_model=Liveness)
@router.get("/livez", include_in_schema=False)
async def live(request: Context) -> Response:
    """200 as long as the event loop answers; a model that failed does not make it 503."""
    return _json({"live": True, "version": __version__})


@router.get(
    "/health/ready", summary="Can it answer?", response_model=Readiness, responses=_NOT_READY
)
@router.get("/readyz", include_in_schema=False)
async def ready(request: Context) -> Response:
    """200 when every required model reproduced its goldens, else 503 with what is missing."""
    peers = request.services.peers
    missing = request.engine.missing() if peers is None else (await peers.merged_report()).missing
    return _json({"ready": not missing, "missing": missing}, 503 if missing else 200)


@router.get("/metrics", summary="Counters for Prometheus", response_class=PlainTextResponse)
async def metrics(request: Context) -> Response:
    """The service's counters in Prometheus' text format."""
    peers = request.services.peers
    families = multiprocess.collect() if peers is None else (await peers.merged_report()).families
    return Response(multiprocess.render(families), media_type=CONTENT_TYPE_LATEST)


def _json(content: dict[str, Any], status: int = 200) -> Response:
    return JSONReply(orjson.dumps(content), status)
