"""Whether the service and its models can answer, and what the service is."""

from __future__ import annotations

from typing import Any, Final

import orjson
from fastapi import APIRouter
from starlette.responses import Response

from service.protocols.http.request import Context
from service.protocols.http.route import JSONReply
from service.protocols.open_inference import document, models
from service.protocols.open_inference.route import TAG, OpenInferenceRoute, version_of
from service.version import __version__

router: Final = APIRouter(route_class=OpenInferenceRoute, tags=[TAG])


@router.get("/v2", summary="The service", response_model=document.ServerMetadata)
async def server(request: Context) -> Response:
    """The service's name and version, and the protocol's extensions that it has."""
    settings = request.settings
    said = {"name": settings.server_name, "version": __version__, "extensions": models.EXTENSIONS}
    return _reply(said)


@router.get("/v2/health/live", summary="Is it alive?", response_model=document.Live)
async def live(request: Context) -> Response:
    """200 as long as the process answers."""
    return _reply({"live": True})


@router.get(
    "/v2/health/ready",
    summary="Is every model ready?",
    response_model=document.Ready,
    responses=document.NOT_READY,
)
async def ready(request: Context) -> Response:
    """200 when every required model is proven, else 503 and why it is not."""
    missing = request.engine.missing()
    if not missing:
        return _reply({"ready": True})
    reasons = "; ".join(f"{name}: {reason}" for name, reason in missing.items())
    return _reply({"ready": False, "error": reasons}, 503)


@router.get(
    "/v2/models/{model}/ready",
    summary="Is the model ready?",
    response_model=document.ModelReady,
    responses=document.MODEL_NOT_READY | document.errors(404),
    openapi_extra=document.path("model"),
)
@router.get(
    "/v2/models/{model}/versions/{version}/ready",
    summary="Is this version ready?",
    response_model=document.ModelReady,
    responses=document.MODEL_NOT_READY | document.errors(400, 404),
    openapi_extra=document.path("model", "version"),
)
async def model_ready(request: Context) -> Response:
    """200 when the model answers, at once or once its first request has loaded it, else 503."""
    engine, name = request.engine, request.path_params["model"]
    reason = models.why_not_ready(engine, name, version_of(request.path_params))
    if reason is None:
        return _reply({"name": name, "ready": True})
    return _reply({"name": name, "ready": False, "error": reason}, 503)


def _reply(content: dict[str, Any], status: int = 200) -> Response:
    return JSONReply(orjson.dumps(content), status)
