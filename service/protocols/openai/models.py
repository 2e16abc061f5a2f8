"""OpenAI's list of models, also where clients look for it when `/openai/v1` is their base URL."""

from __future__ import annotations

from typing import Final

import orjson
from fastapi import APIRouter
from starlette.responses import Response

from service.protocols.http.request import Context
from service.protocols.http.route import JSONReply
from service.protocols.openai.description import ModelDescription, ModelList, describe
from service.protocols.openai.error import OpenAIErrorRoute
from service.protocols.openai.error_document import errors
from service.protocols.openapi.document import name_in_path

router: Final = APIRouter(route_class=OpenAIErrorRoute, tags=["OpenAI"])


@router.get("/v1/models", summary="List the models", response_model=ModelList, responses=errors())
@router.get(
    "/openai/v1/models",
    summary="List the models, at OpenAI's base URL",
    response_model=ModelList,
    responses=errors(),
)
async def models(request: Context) -> Response:
    """Every model in OpenAI's list shape, with what it takes, where it runs and its proof."""
    all_versions = request.engine.repository.all_versions.values()
    described = [describe(versions) for versions in all_versions if versions.models]
    return JSONReply(orjson.dumps({"object": "list", "data": described}))


@router.get(
    "/openai/v1/models/{name}",
    summary="One model",
    response_model=ModelDescription,
    responses=errors(404),
    openapi_extra={"parameters": [name_in_path()]},
)
async def model(request: Context) -> Response:
    """One model as the list shows it (bare `/v1/models/{name}` is TensorFlow Serving's status)."""
    versions = request.engine.repository.versions(request.path_params["name"])
    return JSONReply(orjson.dumps(describe(versions)))
