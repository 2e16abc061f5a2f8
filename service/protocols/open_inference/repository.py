"""The repository extension: which models there are, and loading and unloading them."""

from __future__ import annotations

from typing import Any, Final

import orjson
from fastapi import APIRouter
from starlette.responses import Response

from service.errors import InvalidInput
from service.protocols.http.body import read_object
from service.protocols.http.request import NEEDS_ADMIN, Context
from service.protocols.http.route import JSONReply
from service.protocols.open_inference import document, models
from service.protocols.open_inference.route import TAG, OpenInferenceRoute

router: Final = APIRouter(route_class=OpenInferenceRoute, tags=[TAG])


@router.post(
    "/v2/repository/index",
    summary="List every version of every model",
    response_model=list[document.IndexEntry],
    responses=document.errors(400, 413, 503),
    openapi_extra=document.body(document.Index),
)
async def index(request: Context) -> Response:
    """Each version with its state and the reason for it; `{"ready": true}` lists the ready ones."""
    asked = await read_object(request)
    ready = asked.get("ready", False)
    if not isinstance(ready, bool):
        raise InvalidInput("'ready' is true or false", param="ready")
    return JSONReply(orjson.dumps(models.index(request.engine.models, ready)))


@router.post(
    "/v2/repository/models/{model}/load",
    summary="Load a model",
    response_model=dict[str, Any],
    responses=document.errors(400, 401, 403, 404, 409, 413, 503),
    dependencies=[NEEDS_ADMIN],
    openapi_extra=document.body(document.Change, "model"),
)
async def load(request: Context) -> Response:
    """Load a model, or what is new of it; 200 once it is proven. Needs the ADMIN_TOKEN."""
    models.refuse_overrides(await _parameters(request))
    await request.engine.repository.load(request.path_params["model"])
    return JSONReply(b"{}")


@router.post(
    "/v2/repository/models/{model}/unload",
    summary="Unload a model",
    response_model=dict[str, Any],
    responses=document.errors(400, 401, 403, 404, 409, 413, 503),
    dependencies=[NEEDS_ADMIN],
    openapi_extra=document.body(document.Change, "model"),
)
async def unload(request: Context) -> Response:
    """Unload every version of a model after its last request. Needs the ADMIN_TOKEN."""
    # `unload_dependents` may be among them: no model here depends on another.
    await _parameters(request)
    await request.engine.repository.unload(request.path_params["model"])
    return JSONReply(b"{}")


async def _parameters(request: Context) -> dict[str, Any]:
    parameters = (await read_object(request)).get("parameters")
    if not isinstance(parameters, dict | None):
        raise InvalidInput("'parameters' is an object", param="parameters")
    return parameters or {}
