"""Our own, plainest routes: pictures in any form in, labels out."""

from __future__ import annotations

from typing import Annotated, Final, cast

import orjson
from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from service.engine import Engine
from service.protocols import _example, _uploads_document
from service.protocols._document import OF_A_MODEL
from service.protocols._envelope import JSONReply, named, while_connected
from service.protocols._key import request_key
from service.protocols._openai_document import errors
from service.protocols._openai_error import OpenAIErrorRoute
from service.protocols._uploads import read_upload
from service.settings import Settings

router: Final = APIRouter(route_class=OpenAIErrorRoute, tags=["Models"])


class ClassScore(BaseModel):
    """One class and its score."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    label: str
    index: Annotated[int, Field(ge=0)]
    """Where the class stands among the model's."""
    score: Annotated[float, Field(ge=0, le=1)]
    """A probability."""


class PictureReply(BaseModel):
    """The best classes of one picture, scores descending."""

    predictions: list[ClassScore]


class ClassifyReply(BaseModel):
    """One result for each picture, in the order sent, and the model that gave them."""

    model: str
    version: Annotated[int, Field(ge=1)]
    results: list[PictureReply]

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "model": _example.MODEL,
                "version": 1,
                "results": [{"predictions": [{"label": "7", "index": 7, "score": 0.998}]}],
            }
        }
    )


@router.post(
    "/v1/classify",
    summary="Classify pictures",
    response_model=ClassifyReply,
    responses=OF_A_MODEL | errors(400, 404, 413, 415, 429, 503, 504),
    openapi_extra=_uploads_document.UPLOAD,
)
async def classify(request: Request) -> Response:
    """Classify one or many pictures.

    Send a picture as the body (`curl --data-binary @digit.png -H 'Content-Type: image/png'`),
    a form with repeated fields `image` (`curl -F image=@digit.png`), or JSON with base64.
    """
    state = request.app.state
    settings, engine = cast(Settings, state.settings), cast(Engine, state.engine)
    files, options = await read_upload(request, settings)
    answer = await while_connected(
        request,
        engine.classify(
            files,
            model=options.model,
            version=options.version,
            label=options.label,
            key=request_key(request.scope) or options.key,
            top_k=options.top_k,
        ),
    )
    results = [{"predictions": predictions} for predictions in answer.results]
    reply = {"model": answer.model, "version": answer.version, "results": results}
    return named(JSONReply(orjson.dumps(reply)), answer.model, answer.version)
