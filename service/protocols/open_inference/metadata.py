"""What a model takes and gives, and how it is run: the metadata and Triton's configuration."""

from __future__ import annotations

from typing import Any, Final

import orjson
from fastapi import APIRouter
from starlette.responses import Response

from service.protocols.http.request import Context
from service.protocols.http.route import JSONReply, named
from service.protocols.open_inference import document, models
from service.protocols.open_inference.route import TAG, OpenInferenceRoute, version_of
from service.protocols.openapi.document import OF_A_MODEL

router: Final = APIRouter(route_class=OpenInferenceRoute, tags=[TAG])


@router.get(
    "/v2/models/{model}",
    summary="What a model takes and gives",
    response_model=document.ModelMetadata,
    responses=OF_A_MODEL | document.errors(404, 503),
    openapi_extra=document.path("model"),
)
@router.get(
    "/v2/models/{model}/versions/{version}",
    summary="What this version takes and gives",
    response_model=document.ModelMetadata,
    responses=OF_A_MODEL | document.errors(400, 404, 503),
    openapi_extra=document.path("model", "version"),
)
async def metadata(request: Context) -> Response:
    """The tensors of the model's first signature; -1 stands for any size."""
    engine = request.engine
    name, version = request.path_params["model"], version_of(request.path_params)
    model, manifest = await models.known(engine, name, version)
    said = models.metadata(model, manifest, engine.repository.versions(name))
    return named(JSONReply(orjson.dumps(said)), name, model.export.version)


@router.get(
    "/v2/models/{model}/config",
    summary="How a model is run",
    response_model=dict[str, Any],
    responses=OF_A_MODEL | document.errors(404, 503),
    openapi_extra=document.path("model"),
)
@router.get(
    "/v2/models/{model}/versions/{version}/config",
    summary="How this version is run",
    response_model=dict[str, Any],
    responses=OF_A_MODEL | document.errors(400, 404, 503),
    openapi_extra=document.path("model", "version"),
)
async def config(request: Context) -> Response:
    """Triton's model configuration, with only the fields that apply here.

    A model that batches has `max_batch_size` above 0 and its tensors' `dims` without the batch.
    """
    engine, settings = request.engine, request.settings
    name, version = request.path_params["model"], version_of(request.path_params)
    model, manifest = await models.known(engine, name, version)
    plan, limit = engine.repository.versions(name).plan, settings.max_batch_size
    said = models.configuration(model, manifest, plan, limit)
    return named(JSONReply(orjson.dumps(said)), name, model.export.version)
