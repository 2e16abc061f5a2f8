"""The items of an index: added, found, looked at, deleted."""

from __future__ import annotations

import base64
from typing import Any, Final

import orjson
from fastapi import APIRouter
from starlette.responses import Response

from service.engine.classify import check_top_k
from service.errors import InvalidInput
from service.protocols.http.request import Context
from service.protocols.http.route import JSONReply, while_connected
from service.protocols.lutrin.indexes.document import (
    ADD_EXAMPLE,
    OF_AN_INDEX,
    QUERY_EXAMPLE,
    AddReply,
    AddRequest,
    DeletedReply,
    DeleteRequest,
    ItemReply,
    QueryReply,
    QueryRequest,
    id_in_path,
    index_errors,
    index_in_path,
    takes,
)
from service.protocols.lutrin.indexes.entries import read_entries, read_ids, read_vector
from service.protocols.lutrin.indexes.filter import read_filter
from service.protocols.lutrin.indexes.request import (
    PATH,
    id_of,
    name_of,
    read,
    said,
    search_of,
)
from service.protocols.lutrin.inputs import read_input
from service.protocols.openai.error import OpenAIErrorRoute

router: Final = APIRouter(route_class=OpenAIErrorRoute, tags=["Search"])


@router.post(
    f"{PATH}/items",
    summary="Add items to an index",
    response_model=AddReply,
    response_model_exclude_none=True,
    responses=OF_AN_INDEX | index_errors(400, 404, 409, 413, 415, 429, 504),
    openapi_extra=takes(AddRequest, ADD_EXAMPLE),
)
async def add(request: Context) -> Response:
    """Embed texts and images and keep them, to be found by what is near.

    The first items make the index and bind it to the version of the model that embedded them. An
    item replaces the one with its id. What is answered with 200 outlives the process, killed or
    not.
    """
    name, asked = name_of(request), await read(request, AddRequest)
    entries = read_entries(asked.items)
    work = search_of(request).add(
        name, entries, asked.spec(request), keep=asked.keep, truncate=asked.truncate
    )
    ids, binding = await while_connected(request, work)
    return said(name, binding, ids=ids)


@router.post(
    f"{PATH}/query",
    summary="Find items",
    response_model=QueryReply,
    response_model_exclude_none=True,
    responses=OF_AN_INDEX | index_errors(400, 404, 409, 413, 415, 429, 504),
    openapi_extra=takes(QueryRequest, QUERY_EXAMPLE),
)
async def query(request: Context) -> Response:
    """The items nearest to a text, an image or a vector, the nearest first.

    It answers 409 once the version that filled the index is not served any more: another's vectors
    cannot be compared with its own.
    """
    name, asked = name_of(request), await read(request, QueryRequest)
    top_k = check_top_k(asked.top_k, request.settings)
    sent = [key for key in ("text", "image", "vector") if key in asked.model_fields_set]
    if len(sent) != 1:
        raise InvalidInput(
            "a query has one of 'text', 'image' and 'vector'; this one has "
            f"{' and '.join(sent) or 'none'}",
            param=sent[0] if sent else None,
        )
    [key] = sent
    value = getattr(asked, key)
    work = search_of(request).query(
        name,
        read_vector(value, key) if key == "vector" else read_input({key: value}, key),
        asked.spec(request),
        top_k=top_k,
        where=read_filter(asked.filter),
        truncate=asked.truncate,
    )
    hits, binding = await while_connected(request, work)
    results = []
    for hit in hits:
        result = {"id": hit.id, "score": hit.score, "metadata": hit.metadata}
        results.append(result if hit.text is None else {**result, "text": hit.text})
    return said(name, binding, results=results)


@router.post(
    f"{PATH}/delete",
    summary="Delete items",
    response_model=DeletedReply,
    responses=index_errors(400, 404, 409, 413, 415, 504),
    openapi_extra=takes(DeleteRequest, {"ids": ["1f431"]}),
)
async def delete_items(request: Context) -> Response:
    """Delete the items of some ids; those that are not there are no error."""
    name, asked = name_of(request), await read(request, DeleteRequest)
    ids = read_ids(asked.ids, request.settings)
    return JSONReply(orjson.dumps({"deleted": await search_of(request).delete(name, ids)}))


@router.get(
    f"{PATH}/items/{{id:path}}",
    summary="Get an item",
    response_model=ItemReply,
    responses=index_errors(400, 404),
    openapi_extra={"parameters": [index_in_path(), id_in_path()]},
)
async def item(request: Context) -> Response:
    """An item with all that is kept of it; its vector has length 1, in half precision."""
    found = await search_of(request).item(name_of(request), id_of(request))
    image = None if found.image is None else base64.b64encode(found.image).decode()
    reply: dict[str, Any] = {
        "id": found.id,
        "metadata": found.metadata,
        "text": found.text,
        "image": image,
        "vector": found.vector,
    }
    return JSONReply(orjson.dumps(reply, option=orjson.OPT_SERIALIZE_NUMPY))


@router.delete(
    f"{PATH}/items/{{id:path}}",
    summary="Delete an item",
    response_model=DeletedReply,
    responses=index_errors(400, 404, 409),
    openapi_extra={"parameters": [index_in_path(), id_in_path()]},
)
async def delete_item(request: Context) -> Response:
    """Delete one item; one that is not there is no error."""
    deleted = await search_of(request).delete(name_of(request), [id_of(request)])
    return JSONReply(orjson.dumps({"deleted": deleted}))
