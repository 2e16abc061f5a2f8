"""Why a model says what it says: what it saw of an image, and where it looked."""

from __future__ import annotations

import base64
from typing import Annotated, Final

import orjson
from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from service.engine import explain as task
from service.engine.inputs import Inputs
from service.errors import InvalidInput
from service.preprocessing.png import encode
from service.protocols.http.request import Context
from service.protocols.http.route import JSONReply, named, while_connected
from service.protocols.lutrin.inputs import FILE
from service.protocols.lutrin.requests import NO_BOOL, NOT_BOTH, ModelChoice
from service.protocols.lutrin.uploads import UploadReader
from service.protocols.lutrin.uploads_document import upload
from service.protocols.openai.error import OpenAIErrorRoute
from service.protocols.openai.error_document import errors
from service.protocols.openapi import example
from service.protocols.openapi.document import OF_A_MODEL

router: Final = APIRouter(route_class=OpenAIErrorRoute, tags=["Models"])

_PNG: Final = "data:image/png;base64,"


class PreprocessRequest(ModelChoice):
    """Images in JSON, and the model that would see them."""

    model_config = ConfigDict(json_schema_extra={"required": ["images"], **NOT_BOTH})

    images: Annotated[list[str], Field(json_schema_extra={"minItems": 1, "items": FILE})] = Field(
        default_factory=list
    )
    """Image files in base64, or as data URIs (`data:image/png;base64,…`)."""


class ExplainRequest(ModelChoice):
    """One image in JSON, and what to explain of it."""

    model_config = ConfigDict(json_schema_extra={"required": ["images"], **NOT_BOTH})

    index: Annotated[int, Field(ge=0), NO_BOOL] | None = None
    """The class to explain, by its index; left out, the best."""
    grid: Annotated[int, Field(ge=2, le=task.MAX_GRID), NO_BOOL] | None = None
    """Places in a row and in a column, 8 when left out; the model runs `grid` × `grid` + 1 rows."""
    images: Annotated[
        list[str], Field(json_schema_extra={"minItems": 1, "maxItems": 1, "items": FILE})
    ] = Field(default_factory=list)
    """One image file in base64, or as a data URI (`data:image/png;base64,…`)."""


_PREPROCESS: Final = UploadReader(PreprocessRequest, "images")
_EXPLAIN: Final = UploadReader(ExplainRequest, "images")


class PreprocessReply(BaseModel):
    """What the model sees of each image, in the order sent."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    model: str
    version: Annotated[int, Field(ge=1)]
    images: list[str]
    """PNG files as data URIs: the model's own pixels."""


class ExplainReply(BaseModel):
    """Where the model looked."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    model: str
    version: Annotated[int, Field(ge=1)]
    label: str
    """The class that is explained."""
    index: Annotated[int, Field(ge=0)]
    score: Annotated[float, Field(ge=0, le=1)]
    """Its probability for the whole image."""
    importance: list[list[Annotated[float, Field(ge=-1, le=1)]]]
    """By row and column: how much of the score is lost while that place is hidden; negative where
    the class gains by it."""
    image: str
    """What the model saw: a PNG file as a data URI, which the rows and columns divide evenly."""
    runs: Annotated[int, Field(ge=1)]
    """Rows that the model computed for this."""


@router.post(
    "/v1/preprocess",
    summary="Show what a model sees",
    response_model=PreprocessReply,
    responses=OF_A_MODEL | errors(400, 404, 413, 415, 429, 503, 504),
    openapi_extra=upload(
        _PREPROCESS, example.MODEL, {"model": example.MODEL, "images": [example.FILE]}
    ),
)
async def preprocess(request: Context) -> Response:
    """The pixels that a model gets of each image: decoded, turned upright, fitted to its size.

    Send images as to `/v1/classify`. The model itself does not run.
    """
    inputs, options = await _PREPROCESS.read(request)
    engine, images = request.engine, Inputs(inputs, "images")
    if not inputs:
        raise InvalidInput("the request has no image", param="images")
    with await engine.repository.lease(options.spec(request)) as lease:
        pixels = await while_connected(request, task.preprocess(engine, lease, images))
        export = lease.model.export
    shown = [_data_uri(each) for each in pixels]
    reply = {"model": export.name, "version": export.version, "images": shown}
    return named(JSONReply(orjson.dumps(reply)), export.name, export.version)


@router.post(
    "/v1/explain",
    summary="Explain a classification",
    response_model=ExplainReply,
    responses=OF_A_MODEL | errors(400, 404, 413, 415, 429, 503, 504),
    openapi_extra=upload(
        _EXPLAIN, example.MODEL, {"model": example.MODEL, "grid": 7, "images": [example.FILE]}
    ),
)
async def explain(request: Context) -> Response:
    """Where the model looked: how much of a class's score is lost while each place is hidden.

    Send one image as to `/v1/classify`. The method is occlusion (Zeiler and Fergus, 2013), which
    needs the model's outputs alone and works on every runtime.
    """
    inputs, options = await _EXPLAIN.read(request)
    if len(inputs) != 1:
        raise InvalidInput(f"one image is explained at a time; got {len(inputs)}", param="images")
    engine, images = request.engine, Inputs(inputs, "images")
    with await engine.repository.lease(options.spec(request), "classify") as lease:
        work = task.explain(
            engine, lease, images, index=options.index, grid=options.grid or task.GRID
        )
        found = await while_connected(request, work)
        export = lease.model.export
    reply = {
        "model": export.name,
        "version": export.version,
        "label": found.prediction.label,
        "index": found.prediction.index,
        "score": found.prediction.score,
        "importance": found.importance.tolist(),
        "image": _data_uri(found.pixels),
        "runs": found.runs,
    }
    return named(JSONReply(orjson.dumps(reply)), export.name, export.version)


def _data_uri(pixels: task.Pixels) -> str:
    return _PNG + base64.b64encode(encode(pixels)).decode()
