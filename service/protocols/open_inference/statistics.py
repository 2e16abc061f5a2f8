"""Triton's statistics extension: what models have done, and how long it took."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import orjson
from fastapi import APIRouter
from starlette.responses import Response

from service.protocols.http.request import Context
from service.protocols.http.route import JSONReply
from service.protocols.open_inference import document
from service.protocols.open_inference.models import statistics
from service.protocols.open_inference.route import TAG, OpenInferenceRoute, version_of
from service.repository.model import Model

router: Final = APIRouter(route_class=OpenInferenceRoute, tags=[TAG])


@router.get(
    "/v2/models/stats",
    summary="What every model has done",
    response_model=document.Statistics,
    responses=document.errors(),
)
async def every(request: Context) -> Response:
    """The statistics of every version that is loaded."""
    return _reply(request.engine.models)


@router.get(
    "/v2/models/{model}/stats",
    summary="What a model has done",
    response_model=document.Statistics,
    responses=document.errors(404),
    openapi_extra=document.path("model"),
)
@router.get(
    "/v2/models/{model}/versions/{version}/stats",
    summary="What this version has done",
    response_model=document.Statistics,
    responses=document.errors(400, 404),
    openapi_extra=document.path("model", "version"),
)
async def some(request: Context) -> Response:
    """The statistics of the model's loaded versions, or of the one asked for."""
    versions = request.engine.repository.versions(request.path_params["model"])
    version = version_of(request.path_params)
    return _reply(versions.models if version is None else [versions.pick(version)])


def _reply(models: Iterable[Model]) -> Response:
    return JSONReply(orjson.dumps(statistics(models)))
