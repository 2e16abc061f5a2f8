"""What the routes of indexes share: how they read requests and say answers."""

from __future__ import annotations

import asyncio
from typing import Any, Final, TypeVar, cast

import orjson
from pydantic import BaseModel
from starlette.responses import Response

from service.errors import InvalidInput
from service.protocols.http.body import read_inflated
from service.protocols.http.message import refuse_form, validated
from service.protocols.http.request import Context
from service.protocols.http.route import JSONReply, named
from service.protocols.lutrin.indexes.entries import read_id
from service.protocols.lutrin.indexes.json import parse
from service.search.search import Description, Search
from service.search.stores import INDEX_NAME, Binding

M = TypeVar("M", bound=BaseModel)

PATH: Final = "/v1/indexes/{name}"
_LONG: Final = 256 * 1024
"""Bytes; a longer body is read on a thread."""


def search_of(request: Context) -> Search:
    """The indexes of the service."""
    return request.services.search


def name_of(request: Context) -> str:
    """The index that the path names.

    Raises:
        InvalidInput: nothing is called so.
    """
    name = cast(str, request.path_params["name"])
    if not INDEX_NAME.fullmatch(name):
        raise InvalidInput(
            f"an index is called by 1 to 64 of a-z, 0-9, _ and -, beginning with a letter or "
            f"digit; got '{name[:100]}'",
            param="name",
        )
    return name


def id_of(request: Context) -> str:
    """The item that the path names.

    Raises:
        InvalidInput: nothing is called so.
    """
    return read_id(request.path_params["id"], "id")


async def read(request: Context, kind: type[M]) -> M:
    """The request that the body is.

    Raises:
        ServiceError: as `read_inflated`, `parse` and `validated` do.
    """
    settings = request.settings
    refuse_form(request)
    body = await read_inflated(request)
    if len(body) > _LONG:
        return validated(kind, await asyncio.to_thread(parse, body, settings))
    return validated(kind, parse(body, settings))


def said(name: str, binding: Binding, **results: Any) -> Response:
    """An answer of an index, and of the version that it is bound to."""
    model, version = binding.model, binding.version
    if model is None or version is None:
        return JSONReply(orjson.dumps({"index": name, **results}))
    said = {"index": name, "model": model, "version": version, **results}
    return named(JSONReply(orjson.dumps(said)), model, version)


def described(description: Description) -> dict[str, Any]:
    """An index as a reply has it."""
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
