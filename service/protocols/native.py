"""Our own, plainest routes: pictures in any form in, labels out."""

from __future__ import annotations

from typing import Any, Final, cast

import orjson
from fastapi import APIRouter
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from service.engine import Engine
from service.protocols._envelope import JSONReply, named, while_connected
from service.protocols._key import request_key
from service.protocols._openai_error import OpenAIErrorRoute
from service.protocols._uploads import ClassifyRequest, read_upload
from service.settings import Settings

router: Final = APIRouter(route_class=OpenAIErrorRoute, tags=["Models"])


class PredictionReply(BaseModel):
    """One class and its score, a probability from 0 to 1."""

    label: str
    index: int
    score: float


class PictureReply(BaseModel):
    """The best classes of one picture, scores descending."""

    predictions: list[PredictionReply]


class ClassifyReply(BaseModel):
    """One result for each picture, in the order sent, and the model that gave them."""

    model: str
    version: int
    results: list[PictureReply]


class ErrorDetail(BaseModel):
    """What went wrong and how to mend it."""

    message: str
    type: str
    param: str | None
    code: str
    request_id: str


class ErrorReply(BaseModel):
    """An error as OpenAI's clients read it."""

    error: ErrorDetail


_FILE: Final = {"type": "string", "format": "binary"}
_OPTIONS: Final = {
    name: schema
    for name, schema in ClassifyRequest.model_json_schema()["properties"].items()
    if name != "images"
}
_CLASSIFY_DOCUMENT: Final[dict[str, Any]] = {
    "parameters": [
        {"name": name, "in": "query", "schema": schema, "description": schema["description"]}
        for name, schema in _OPTIONS.items()
    ],
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["image"],
                    "properties": {"image": {"type": "array", "items": _FILE}} | _OPTIONS,
                }
            },
            "image/png": {"schema": _FILE},
            "image/jpeg": {"schema": _FILE},
            "application/json": {"schema": ClassifyRequest.model_json_schema()},
        },
    },
}
_ERRORS: Final[dict[int | str, dict[str, Any]]] = {
    400: {"model": ErrorReply, "description": "Something in the request cannot be used"},
    404: {"model": ErrorReply, "description": "No such model or version"},
    413: {"model": ErrorReply, "description": "A limit of the service was passed"},
    415: {"model": ErrorReply, "description": "The content type or image format is not read"},
    429: {"model": ErrorReply, "description": "The model's queue is full"},
    503: {"model": ErrorReply, "description": "The model is not ready"},
    504: {"model": ErrorReply, "description": "No answer within the time allowed"},
}


@router.post(
    "/v1/classify",
    summary="Classify pictures",
    response_model=ClassifyReply,
    responses=_ERRORS,
    openapi_extra=_CLASSIFY_DOCUMENT,
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
