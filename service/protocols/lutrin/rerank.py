"""Documents, texts or images, in the order of how near they are to a query: Cohere's shape."""

from __future__ import annotations

import uuid
from typing import Annotated, Any, Final, Self, cast

import orjson
from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema, model_validator
from starlette.responses import Response

from service.engine import rerank as task
from service.engine.inputs import Inputs
from service.engine.rerank import Ranking
from service.protocols.http.message import read_message
from service.protocols.http.request import REQUEST_KEY, Context
from service.protocols.http.route import JSONReply, named, while_connected
from service.protocols.lutrin.inputs import INPUT, INPUTS, modalities, read_input, read_inputs
from service.protocols.lutrin.requests import NO_BOOL, NOT_BOTH, Flag
from service.protocols.lutrin.vectors import Usage, VectorChoice, usage
from service.protocols.openai.error import OpenAIErrorRoute
from service.protocols.openai.error_document import errors
from service.protocols.openapi import example
from service.protocols.openapi.document import OF_A_MODEL

router: Final = APIRouter(route_class=OpenAIErrorRoute, tags=["Models"])


_SOME_OR_NULL: Final[dict[str, Any]] = {"anyOf": [INPUTS, {"type": "null"}]}


def _one_of(sent: str, left_out: str) -> dict[str, Any]:
    kinds = {sent: {"type": "array"}, left_out: {"type": "null"}}
    return {"required": [sent], "properties": kinds}


class RerankRequest(VectorChoice):
    """A query, and what is to be put in order by it."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [_one_of("documents", "texts"), _one_of("texts", "documents")],
            **NOT_BOTH,
        }
    )

    query: Annotated[Any, WithJsonSchema(INPUT)]
    """A text, or an image."""
    documents: Annotated[list[Any] | None, WithJsonSchema(_SOME_OR_NULL)] = None
    """Texts and images, mixed as you like."""
    texts: Annotated[list[Any] | None, WithJsonSchema(_SOME_OR_NULL)] = None
    """Another name for `documents`."""
    top_n: Annotated[int, Field(ge=1), NO_BOOL] | None = None
    """How many of the nearest to return; all when left out."""
    return_documents: Flag = False
    """Whether each result has its document, too."""
    max_tokens_per_doc: Annotated[int, Field(ge=1), NO_BOOL] | None = None
    """As Cohere's clients say `truncate`; a text is cut at the model's own length."""
    priority: Annotated[int, NO_BOOL] | None = None
    """Taken for Cohere's clients; all requests have their turn."""

    @property
    def cuts(self) -> bool:
        """Whether a text that is too long is cut."""
        return self.truncate or self.max_tokens_per_doc is not None

    @model_validator(mode="after")
    def _has_documents_once(self) -> Self:
        if (self.documents is None) == (self.texts is None):
            raise ValueError("there is one of 'documents' and 'texts', which mean the same")
        return self


class RerankedDocument(BaseModel):
    """A document as it was sent."""

    text: str | None = None
    image: str | None = None


class RerankResult(BaseModel):
    """One document's place."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    index: Annotated[int, Field(ge=0)]
    """Where the document stands in the request."""
    relevance_score: Annotated[float, Field(ge=-1, le=1)]
    """The cosine of its vector and the query's."""
    document: RerankedDocument | None = None
    """With `return_documents` alone."""


class RerankReply(BaseModel):
    """The documents nearest to the query first, and the model that says so."""

    model_config = ConfigDict(
        use_attribute_docstrings=True,
        json_schema_extra={
            "example": {
                "id": "6f2f5a4e-8f5a-4f0c-9a53-0c5d7c1b2a10",
                "model": example.ENCODER,
                "version": 1,
                "results": [{"index": 2, "relevance_score": 0.85}],
                "usage": {"prompt_tokens": 11, "total_tokens": 11},
            }
        },
    )

    id: str
    model: str
    version: Annotated[int, Field(ge=1)]
    results: list[RerankResult]
    usage: Usage


_BODY: Final[dict[str, Any]] = {
    "parameters": [REQUEST_KEY],
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": RerankRequest.model_json_schema(),
                "example": {
                    "model": example.ENCODER,
                    "query": "sad cat",
                    "documents": ["airplane", "dog face", "crying cat"],
                    "top_n": 2,
                },
            }
        },
    },
}


_ROUTE: Final[dict[str, Any]] = {
    "response_model": RerankReply,
    "response_model_exclude_none": True,
    "responses": OF_A_MODEL | errors(400, 404, 413, 415, 429, 503, 504),
    "openapi_extra": _BODY,
}


@router.post("/v1/rerank", summary="Put documents in order by a query", **_ROUTE)
@router.post("/cohere/v2/rerank", summary="The same, where Cohere's client asks", **_ROUTE)
async def rerank(request: Context) -> Response:
    """The documents, the nearest to the query first.

    `relevance_score` is the cosine of the query's vector and the document's, from -1 to 1. A model
    that has prompts for queries and documents is told which is which.
    """
    settings = request.settings
    asked = await read_message(request, RerankRequest)
    field = "texts" if asked.documents is None else "documents"
    sent = cast(list[Any], getattr(asked, field))
    documents = read_inputs(sent, field, settings)
    query = read_input(asked.query, "query")
    work = _rerank(request, asked, query, Inputs(documents, field))
    ranking, model, version = await while_connected(request, work)
    results: list[dict[str, Any]] = [
        {"index": each.position, "relevance_score": each.score} for each in ranking.documents
    ]
    if asked.return_documents:
        for result in results:
            document = sent[result["index"]]
            result["document"] = {"text": document} if isinstance(document, str) else document
    reply = {
        "id": str(uuid.uuid4()),
        "model": model,
        "version": version,
        "results": results,
        "usage": usage(ranking.tokens),
    }
    return named(JSONReply(orjson.dumps(reply)), model, version)


async def _rerank(
    request: Context, asked: RerankRequest, query: str | bytes, documents: Inputs
) -> tuple[Ranking, str, int]:
    """The documents in order, and the model that ordered them."""
    engine, spec = request.engine, asked.spec(request)
    sent = modalities([query, *cast(list[str | bytes], documents.values)])
    with await engine.repository.lease(spec, "embed", sent) as leased:
        ranking = await task.rerank(
            engine,
            leased,
            Inputs([query], "query", ["query"]),
            documents,
            top_n=asked.top_n,
            truncate=asked.cuts,
        )
        return ranking, leased.model.export.name, leased.model.export.version
