"""OpenAI's embeddings: texts in, and images as Infinity takes them; vectors out."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Final, NamedTuple

from fastapi import APIRouter
from starlette.responses import Response

from service.engine.embed import embed
from service.engine.inputs import Inputs
from service.engine.vectors import Vectors
from service.protocols.http.body import read_inflated
from service.protocols.http.request import Context
from service.protocols.http.route import JSONReply, named, while_connected
from service.protocols.openai import document
from service.protocols.openai.error import OpenAIErrorRoute
from service.protocols.openai.error_document import errors
from service.protocols.openai.reply import render
from service.protocols.openai.request import EmbeddingRequest, read
from service.protocols.openapi.document import OF_A_MODEL

router: Final = APIRouter(route_class=OpenAIErrorRoute, tags=["OpenAI"])

_LONG: Final = 64 * 1024
"""Bytes; a longer body is understood on a thread, so that others are answered meanwhile."""
_MANY: Final = 16 * 1024
"""Numbers; an answer of more is written on a thread."""
_ERRORS: Final = errors(400, 404, 413, 415, 429, 503, 504)


@router.post(
    "/v1/embeddings",
    summary="Embed texts or images",
    response_model=document.EmbeddingReply,
    responses=OF_A_MODEL | _ERRORS,
    openapi_extra=document.EMBEDDINGS,
)
@router.post(
    "/openai/v1/embeddings",
    summary="Embed texts or images, at OpenAI's base URL",
    response_model=document.EmbeddingReply,
    responses=OF_A_MODEL | _ERRORS,
    openapi_extra=document.EMBEDDINGS,
)
async def embeddings(request: Context) -> Response:
    """The vector of each text, or of each image where `modality` says so, in their order.

    Arrays of token ids are refused unless TOKEN_INPUTS is on: clients make them by another model's
    tokenizer, and their vectors would mean nothing. LangChain sends texts when told
    `OpenAIEmbeddings(check_embedding_ctx_length=False)`.
    """
    settings = request.settings
    body = await read_inflated(request)
    if len(body) < _LONG:
        asked = read(body, settings)
    else:
        asked = await asyncio.to_thread(read, body, settings)
    answer = await while_connected(request, _embed(request, asked))
    write = partial(render, answer.vectors, answer.model, asked.encoding_format)
    is_short = answer.vectors.rows.size < _MANY
    text = write() if is_short else await asyncio.to_thread(write)
    return named(JSONReply(text), answer.model, answer.version)


class _Answer(NamedTuple):
    """Vectors, and the model that gave them."""

    vectors: Vectors
    model: str
    version: int


async def _embed(request: Context, asked: EmbeddingRequest) -> _Answer:
    engine = request.engine
    spec = asked.spec
    if key := request.routing_key:  # goes before the body's
        spec = spec._replace(key=key)
    with await engine.repository.lease(spec, "embed") as lease:
        vectors = await embed(
            engine,
            lease,
            Inputs(asked.inputs),
            dimensions=asked.dimensions,
            truncate=asked.truncate,
            purpose=asked.purpose,
        )
        return _Answer(vectors, lease.model.export.name, lease.model.export.version)
