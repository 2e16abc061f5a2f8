"""The repository extension: which models there are, and loading and unloading them."""

from __future__ import annotations

from typing import Any, Final, cast

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from service.engine.engine import Engine
from service.errors import InvalidInput
from service.protocols.http.body import read_object
from service.protocols.http.permission import NEEDS_ADMIN, require_admin
from service.protocols.http.route import JSONReply
from service.protocols.open_inference import document, models
from service.protocols.open_inference.route import TAG, OpenInferenceRoute
from service.settings import Settings

router: Final = APIRouter(route_class=OpenInferenceRoute, tags=[TAG])


@router.post(
    "/v2/repository/index",
    summary="List every version of every model",
    response_model=list[document.IndexEntry],
    responses=document.errors(400, 413, 503),
    openapi_extra=document.body(document.Index),
)
async def index(request: Request) -> Response:
    """Each version with its state and the reason for it; `{"ready": true}` lists the ready ones."""
    state = request.app.state
    asked = await read_object(request, cast(Settings, state.settings))
    ready = asked.get("ready", False)
    if not isinstance(ready, bool):
        raise InvalidInput("'ready' is true or false", param="ready")
    every = cast(Engine, state.engine).models
    return JSONReply(orjson.dumps(models.index(every, ready)))


@router.post(
    "/v2/repository/models/{model}/load",
    summary="Load a model",
    response_model=dict[str, Any],
    responses=document.errors(400, 401, 403, 404, 409, 413, 503),
    dependencies=[NEEDS_ADMIN],
    openapi_extra=document.body(document.Change, "model"),
)
async def load(request: Request) -> Response:
    """Load a model, or what is new of it; 200 once it is proven. Needs the ADMIN_TOKEN."""
    settings = cast(Settings, request.app.state.settings)
    require_admin(request.scope, settings)
    models.refuse_overrides(await _parameters(request, settings))
    await cast(Engine, request.app.state.engine).repository.load(request.path_params["model"])
    return JSONReply(b"{}")


@router.post(
    "/v2/repository/models/{model}/unload",
    summary="Unload a model",
    response_model=dict[str, Any],
    responses=document.errors(400, 401, 403, 404, 409, 413, 503),
    dependencies=[NEEDS_ADMIN],
    openapi_extra=document.body(document.Change, "model"),
)
async def unload(request: Request) -> Response:
    """Unload every version of a model after its last request. Needs the ADMIN_TOKEN."""
    settings = cast(Settings, request.app.state.settings)
    require_admin(request.scope, settings)
    # `unload_dependents` may be among them: no model here depends on another.
    await _parameters(request, settings)
    await cast(Engine, request.app.state.engine).repository.unload(request.path_params["model"])
    return JSONReply(b"{}")


async def _parameters(request: Request, settings: Settings) -> dict[str, Any]:
    parameters = (await read_object(request, settings)).get("parameters")
    if not isinstance(parameters, dict | None):
        raise InvalidInput("'parameters' is an object", param="parameters")
    return parameters or {}
