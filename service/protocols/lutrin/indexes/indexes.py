"""Indexes: what there is, who filled it, and whether it can be asked."""

from __future__ import annotations

from typing import Final

import orjson
from fastapi import APIRouter
from starlette.responses import Response

from service.protocols.http.request import Context
from service.protocols.http.route import JSONReply, while_connected
from service.protocols.lutrin.indexes.document import (
    DeletedReply,
    IndexesReply,
    IndexReply,
    RenewRequest,
    index_errors,
    index_in_path,
    takes,
)
from service.protocols.lutrin.indexes.request import (
    PATH,
    described,
    name_of,
    read,
    search_of,
)
from service.protocols.openai.error import OpenAIErrorRoute

router: Final = APIRouter(route_class=OpenAIErrorRoute, tags=["Search"])


@router.get(
    "/v1/indexes", summary="List indexes", response_model=IndexesReply, responses=index_errors()
)
async def indexes(request: Context) -> Response:
    """Every index: who filled it, how much is in it, and whether it can be asked."""
    found = await search_of(request).all()
    return JSONReply(orjson.dumps({"data": [described(each) for each in found]}))


@router.get(
    PATH,
    summary="Describe an index",
    response_model=IndexReply,
    responses=index_errors(400, 404),
    openapi_extra={"parameters": [index_in_path()]},
)
async def index(request: Context) -> Response:
    """Who filled an index, how much is in it, and whether it can be asked."""
    return JSONReply(orjson.dumps(described(await search_of(request).describe(name_of(request)))))


@router.delete(
    PATH,
    summary="Delete an index",
    response_model=DeletedReply,
    responses=index_errors(400, 404),
    openapi_extra={"parameters": [index_in_path()]},
)
async def drop(request: Context) -> Response:
    """Delete an index and all that is in it."""
    return JSONReply(orjson.dumps({"deleted": await search_of(request).drop(name_of(request))}))


@router.post(
    f"{PATH}/embed",
    summary="Embed an index anew",
    response_model=IndexReply,
    responses=index_errors(400, 404, 409, 413, 415, 429, 504),
    openapi_extra=takes(RenewRequest, {}),
)
async def renew(request: Context) -> Response:
    """Embed anew all that an index kept, and bind it to the version that did: after an upgrade.

    That is the version served now, of the model that filled the index, or what the request names.
    It answers when it is done, and is done whether its caller waits or not. Until then the index
    answers as it did, if its version is served still, and takes no changes.
    """
    name, asked = name_of(request), await read(request, RenewRequest)
    work = search_of(request).reindex(
        name,
        asked.spec(request),
        truncate=asked.truncate,
        drop_vectors=asked.drop_vectors,
    )
    return JSONReply(orjson.dumps(described(await while_connected(request, work))))
