"""Indexes: filled with texts, pictures and vectors, asked for what is near."""

from __future__ import annotations

import asyncio
import base64
from typing import Any, Final, TypeVar, cast

import orjson
from fastapi import APIRouter
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from service.bindings import Choice
from service.engine import Engine
from service.errors import InvalidInput
from service.indexes import INDEX_NAME, Binding
from service.protocols._body import read_inflated
from service.protocols._envelope import JSONReply, named, while_connected
from service.protocols._index_document import (
    ADD_EXAMPLE,
    OF_AN_INDEX,
    QUERY_EXAMPLE,
    AddReply,
    AddRequest,
    DeletedReply,
    DeleteRequest,
    IndexesReply,
    IndexReply,
    ItemReply,
    QueryReply,
    QueryRequest,
    RenewRequest,
    id_in_path,
    index_errors,
    index_in_path,
    takes,
)
from service.protocols._index_entries import (
    parse,
    read_entries,
    read_id,
    read_ids,
    read_vector,
)
from service.protocols._index_filter import read_filter
from service.protocols._inputs import read_input
from service.protocols._key import request_key
from service.protocols._message import validated
from service.protocols._openai_error import OpenAIErrorRoute
from service.protocols._vectors import VectorChoice
from service.search import Description, Search
from service.settings import Settings

M = TypeVar("M", bound=BaseModel)

_LONG: Final = 256 * 1024
"""Bytes; a longer body is read on a thread."""
_PATH: Final = "/v1/indexes/{name}"

router: Final = APIRouter(route_class=OpenAIErrorRoute, tags=["Search"])


@router.get(
    "/v1/indexes", summary="List indexes", response_model=IndexesReply, responses=index_errors(503)
)
async def indexes(request: Request) -> Response:
    """Every index: who filled it, how much is in it, and whether it can be asked."""
    found = await _search(request).all()
    return JSONReply(orjson.dumps({"data": [_described(each) for each in found]}))


@router.get(
    _PATH,
    summary="Describe an index",
    response_model=IndexReply,
    responses=index_errors(400, 404, 503),
    openapi_extra={"parameters": [index_in_path()]},
)
async def index(request: Request) -> Response:
    """Who filled an index, how much is in it, and whether it can be asked."""
    return JSONReply(orjson.dumps(_described(await _search(request).describe(_name(request)))))


@router.delete(
    _PATH,
    summary="Delete an index",
    response_model=DeletedReply,
    responses=index_errors(400, 404, 503),
    openapi_extra={"parameters": [index_in_path()]},
)
async def drop(request: Request) -> Response:
    """Delete an index and all that is in it."""
    return JSONReply(orjson.dumps({"deleted": await _search(request).drop(_name(request))}))


@router.post(
    f"{_PATH}/embed",
    summary="Embed an index anew",
    response_model=IndexReply,
    responses=index_errors(400, 404, 409, 413, 415, 429, 503, 504),
    openapi_extra=takes(RenewRequest, {}),
)
async def renew(request: Request) -> Response:
    """Embed anew all that an index kept, and bind it to the version that did: after an upgrade.

    That is the version served now, of the model that filled the index, or what the request names.
    It answers when it is done, and is done whether its caller waits or not. Until then the index
    answers as it did, if its version is served still, and takes no changes.
    """
    name, asked = _name(request), await _read(request, RenewRequest)
    work = _search(request).renew(
        name,
        _choice(request, asked),
        truncate=asked.truncate,
        drop_vectors=asked.drop_vectors,
    )
    return JSONReply(orjson.dumps(_described(await while_connected(request, work))))


@router.post(
    f"{_PATH}/items",
    summary="Add items to an index",
    response_model=AddReply,
    response_model_exclude_none=True,
    responses=OF_AN_INDEX | index_errors(400, 404, 409, 413, 415, 429, 503, 504),
    openapi_extra=takes(AddRequest, ADD_EXAMPLE),
)
async def add(request: Request) -> Response:
    """Embed texts and pictures and keep them, to be found by what is near.

    The first items make the index and bind it to the version of the model that embedded them. An
    item replaces the one with its id. What is answered with 200 outlives the process, killed or
    not.
    """
    name, asked = _name(request), await _read(request, AddRequest)
    entries = read_entries(asked.items)
    work = _search(request).add(
        name, entries, _choice(request, asked), keep=asked.keep, truncate=asked.truncate
    )
    ids, binding = await while_connected(request, work)
    return _said(name, binding, ids=ids)


@router.post(
    f"{_PATH}/query",
    summary="Find items",
    response_model=QueryReply,
    response_model_exclude_none=True,
    responses=OF_AN_INDEX | index_errors(400, 404, 409, 413, 415, 429, 503, 504),
    openapi_extra=takes(QueryRequest, QUERY_EXAMPLE),
)
async def query(request: Request) -> Response:
    """The items nearest to a text, a picture or a vector, the nearest first.

    It answers 409 once the version that filled the index is not served any more: another's vectors
    cannot be compared with its own.
    """
    name, asked = _name(request), await _read(request, QueryRequest)
    top_k = cast(Engine, request.app.state.engine).top_k(asked.top_k)
    sent = [key for key in ("text", "image", "vector") if key in asked.model_fields_set]
    if len(sent) != 1:
        raise InvalidInput(
            "a query has one of 'text', 'image' and 'vector'; this one has "
            f"{' and '.join(sent) or 'none'}",
            param=sent[0] if sent else None,
        )
    [key] = sent
    value = getattr(asked, key)
    work = _search(request).query(
        name,
        read_vector(value, key) if key == "vector" else read_input({key: value}, key),
        _choice(request, asked),
        top_k=top_k,
        where=read_filter(asked.filter),
        truncate=asked.truncate,
    )
    hits, binding = await while_connected(request, work)
    results = []
    for hit in hits:
        result = {"id": hit.id, "score": hit.score, "metadata": hit.metadata}
        results.append(result if hit.text is None else {**result, "text": hit.text})
    return _said(name, binding, results=results)


@router.post(
    f"{_PATH}/delete",
    summary="Delete items",
    response_model=DeletedReply,
    responses=index_errors(400, 404, 409, 413, 415, 503, 504),
    openapi_extra=takes(DeleteRequest, {"ids": ["1f431"]}),
)
async def delete_items(request: Request) -> Response:
    """Delete the items of some ids; those that are not there are no error."""
    name, asked = _name(request), await _read(request, DeleteRequest)
    ids = read_ids(asked.ids, cast(Settings, request.app.state.settings))
    return JSONReply(orjson.dumps({"deleted": await _search(request).delete(name, ids)}))


@router.get(
    f"{_PATH}/items/{{id:path}}",
    summary="Get an item",
    response_model=ItemReply,
    responses=index_errors(400, 404, 503),
    openapi_extra={"parameters": [index_in_path(), id_in_path()]},
)
async def item(request: Request) -> Response:
    """An item with all that is kept of it; its vector has length 1, in half precision."""
    found = await _search(request).item(_name(request), _id(request))
    image = found.image and base64.b64encode(found.image).decode()
    said: dict[str, Any] = {
        "id": found.id,
        "metadata": found.metadata,
        "text": found.text,
        "image": image,
        "vector": found.vector,
    }
    return JSONReply(orjson.dumps(said, option=orjson.OPT_SERIALIZE_NUMPY))


@router.delete(
    f"{_PATH}/items/{{id:path}}",
    summary="Delete an item",
    response_model=DeletedReply,
    responses=index_errors(400, 404, 409, 503),
    openapi_extra={"parameters": [index_in_path(), id_in_path()]},
)
async def delete_item(request: Request) -> Response:
    """Delete one item; one that is not there is no error."""
    deleted = await _search(request).delete(_name(request), [_id(request)])
    return JSONReply(orjson.dumps({"deleted": deleted}))


def _search(request: Request) -> Search:
    return cast(Search, request.app.state.search)


def _name(request: Request) -> str:
    name = cast(str, request.path_params["name"])
    if not INDEX_NAME.fullmatch(name):
        raise InvalidInput(
            f"an index is called by 1 to 64 of a-z, 0-9, _ and -, beginning with a letter or "
            f"digit; got '{name[:100]}'",
            param="name",
        )
    return name


def _id(request: Request) -> str:
    return read_id(request.path_params["id"], "id")


async def _read(request: Request, kind: type[M]) -> M:
    settings = cast(Settings, request.app.state.settings)
    body = await read_inflated(request, settings)
    if len(body) > _LONG:
        return validated(kind, await asyncio.to_thread(parse, body, settings))
    return validated(kind, parse(body, settings))


def _choice(request: Request, asked: VectorChoice) -> Choice:
    key = request_key(request.scope) or asked.key
    return Choice(asked.model, asked.version, asked.label, key)


def _said(name: str, binding: Binding, **results: Any) -> Response:
    model, version = binding.model, binding.version
    if model is None or version is None:
        return JSONReply(orjson.dumps({"index": name, **results}))
    said = {"index": name, "model": model, "version": version, **results}
    return named(JSONReply(orjson.dumps(said)), model, version)


def _described(description: Description) -> dict[str, Any]:
    info, outdated = description
    binding = info.binding
    return {
        "name": info.name,
        "model": binding.model,
        "version": binding.version,
        "width": binding.width,
        "count": info.count,
        "created": int(info.created),
        "outdated": outdated,
    }
