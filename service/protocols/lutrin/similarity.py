"""Texts and images against texts and images: how near each is to each."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any, Final

import numpy as np
import orjson
from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema
from starlette.responses import Response

from service.engine import similarity as task
from service.engine.embed import Purpose
from service.engine.inputs import Inputs
from service.engine.vectors import Rows
from service.errors import InputTooLarge
from service.protocols.http.message import read_message
from service.protocols.http.request import REQUEST_KEY, Context
from service.protocols.http.route import JSONReply, named, while_connected
from service.protocols.lutrin.inputs import INPUTS, modalities, read_inputs
from service.protocols.lutrin.vectors import Dimensions, VectorChoice, made
from service.protocols.openai.error import OpenAIErrorRoute
from service.protocols.openai.error_document import errors
from service.protocols.openapi import example
from service.protocols.openapi.document import OF_A_MODEL

router: Final = APIRouter(route_class=OpenAIErrorRoute, tags=["Models"])


_MOST_SCORES: Final = 500_000
"""Of one reply: writing more would hold up everybody."""


class SimilarityRequest(VectorChoice):
    """Two lists of texts and images."""

    dimensions: Dimensions | None = None
    """How many of the first dimensions to compare, where the model's vectors bear it."""
    input_type: Purpose | None = None
    """What the texts are for, to models that have prompts by it."""
    a: Annotated[list[Any], WithJsonSchema(INPUTS)]
    """Texts and images: a row of the scores for each."""
    b: Annotated[list[Any], WithJsonSchema(INPUTS)]
    """Texts and images: a column of the scores for each."""


class SimilarityReply(BaseModel):
    """The cosine of each of `a` with each of `b`, and the model that gave it."""

    model_config = ConfigDict(
        use_attribute_docstrings=True,
        json_schema_extra={
            "example": {"model": example.ENCODER, "version": 1, "scores": [[0.81, 0.12]]}
        },
    )

    model: str
    version: Annotated[int, Field(ge=1)]
    scores: list[list[Annotated[float, Field(ge=-1, le=1)]]]
    """`scores[i][j]` is the cosine of `a[i]` and `b[j]`."""


_BODY: Final[dict[str, Any]] = {
    "parameters": [REQUEST_KEY],
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": SimilarityRequest.model_json_schema(),
                "example": {
                    "model": example.ENCODER,
                    "a": ["sad cat"],
                    "b": ["a cat that weeps", "vehicle that flies"],
                },
            }
        },
    },
}


@router.post(
    "/v1/similarity",
    summary="Compare texts and images",
    response_model=SimilarityReply,
    responses=OF_A_MODEL | errors(400, 404, 413, 415, 429, 503, 504),
    openapi_extra=_BODY,
)
async def similarity(request: Context) -> Response:
    """The cosine of each of `a` with each of `b`: texts and images, mixed as you like."""
    settings = request.settings
    asked = await read_message(request, SimilarityRequest)
    a, b = read_inputs(asked.a, "a", settings), read_inputs(asked.b, "b", settings)
    if len(a) * len(b) > _MOST_SCORES:
        raise InputTooLarge(
            f"{len(a)} by {len(b)} are {len(a) * len(b)} scores; at most {_MOST_SCORES} are given: "
            "ask in parts, or for the vectors"
        )
    scores, model, version = await while_connected(request, _compare(request, asked, a, b))
    said = {"model": model, "version": version, "scores": np.ascontiguousarray(scores)}
    write = partial(orjson.dumps, said, option=orjson.OPT_SERIALIZE_NUMPY)
    return named(JSONReply(await made(write, scores.size)), model, version)


async def _compare(
    request: Context,
    asked: SimilarityRequest,
    a: Sequence[str | bytes],
    b: Sequence[str | bytes],
) -> tuple[Rows, str, int]:
    engine, spec = request.engine, asked.spec(request)
    with await engine.repository.lease(spec, "embed", modalities([*a, *b])) as leased:
        scores = await task.similarity(
            engine,
            leased,
            Inputs(a, "a"),
            Inputs(b, "b"),
            dimensions=asked.dimensions,
            truncate=asked.truncate,
            purpose=asked.input_type,
        )
        return scores, leased.model.export.name, leased.model.export.version
