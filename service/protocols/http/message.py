"""Reads JSON objects that hold lists of inputs, and checks their fields."""

from __future__ import annotations

import asyncio
import re
from typing import Any, Final, TypeVar

import orjson
import simdjson
from pydantic import BaseModel, ValidationError

from service.codecs.shown import shown
from service.errors import InputTooLarge, InvalidInput
from service.protocols.http.body import read_inflated
from service.protocols.http.request import Context
from service.settings import Settings

M = TypeVar("M", bound=BaseModel)

_LONG: Final = 256 * 1024
"""Bytes; a longer body is measured before Python makes objects of what it says, on a thread."""
_VALUES: Final = 4
"""JSON values of one input at most, with room to spare."""
_FIELDS: Final = 64
"""Values beside the inputs."""
_CODE: Final = re.compile(r"^[A-Z0-9_]+: ")
_COUNTED: Final = 0xFFFFFF
"""simdjson counts a list's elements so far."""


async def read_message(request: Context, kind: type[M]) -> M:
    """The request that a body in JSON holds.

    Raises:
        InvalidInput: it is no JSON object, or a field is missing, unknown or malformed.
        ServiceError: as `read_inflated` does.
    """
    refuse_form(request)
    body = await read_inflated(request)
    return validated(kind, await parse_message(body, request.settings))


def refuse_form(request: Context) -> None:
    """Tell a caller who sends a form, as other routes take one, what this route takes.

    Raises:
        InvalidInput: the body is one.
    """
    if request.header(b"content-type").lower().startswith("multipart/"):
        raise InvalidInput("this route takes JSON, not a form: send Content-Type: application/json")


def malformed(error: Exception) -> InvalidInput:
    """What a parser says of a body that is no JSON."""
    # simdjson puts a code before its sentence, and may put another behind.
    said = _CODE.sub("", str(error)).partition("  ")[0]
    return InvalidInput(f"the JSON body cannot be read: {said}")


async def parse_message(body: bytes, settings: Settings) -> dict[str, Any]:
    """The JSON object that a body is.

    Raises:
        InvalidInput: it is something else.
        InputTooLarge: it has more values than any request; they were not read.
    """
    most = _FIELDS + _VALUES * (settings.max_texts + settings.max_images)
    try:
        if len(body) > _LONG:
            message = await asyncio.to_thread(_measured, body, most)
        else:
            message = orjson.loads(body)
    except (ValueError, RuntimeError) as error:
        raise malformed(error) from None
    if not isinstance(message, dict):
        raise InvalidInput("the JSON body is an object, such as {…}")
    return message


def _measured(body: bytes, most: int) -> Any:
    # One of millions of values would hold up everybody while Python makes objects of them.
    if body.count(b",") >= _COUNTED:
        raise _too_many(most)
    message = simdjson.Parser().parse(body)
    _count(message, most)
    return message.as_dict() if isinstance(message, simdjson.Object) else None


def _count(value: Any, most: int) -> int:
    """How many values there are in `value`, if they are no more than `most`."""
    if isinstance(value, simdjson.Array):
        inner = iter(value)
        limit = most
    elif isinstance(value, simdjson.Object):
        # Looked up by key: its own iterators make Python objects of everything inside.
        inner = (value[key] for key in value)
        limit = min(most, _FIELDS)
    else:
        return 0
    found = len(value)
    if found > limit:
        raise _too_many(limit)
    for each in inner:
        found += _count(each, most - found)
    return found


def _too_many(most: int) -> InputTooLarge:
    return InputTooLarge(f"the JSON body has more values than the {most} that a request may have")


def validated(kind: type[M], fields: dict[str, Any], *, strict: bool | None = None) -> M:
    """The request that some fields are; without `strict`, texts may stand for numbers.

    Raises:
        InvalidInput: a field is missing, unknown or malformed.
    """
    try:
        return kind.model_validate(fields, strict=strict)
    except ValidationError as error:
        raise _invalid(error, kind) from None


def _invalid(error: ValidationError, kind: type[BaseModel]) -> InvalidInput:
    first = error.errors(include_url=False)[0]
    field = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        known = ", ".join(kind.model_fields)
        return InvalidInput(f"unknown field {field[:100]}; known fields: {known}", param=field)
    if first["type"] == "missing":
        return InvalidInput(f"the field '{field}' is missing", param=field)
    where = f"{field}: " if field else "the JSON body: "
    wrong = first["msg"].removeprefix("Value error, ")  # what pydantic puts before our own words
    came = f"; got {shown(first['input'])}" if field else ""
    return InvalidInput(f"{where}{wrong}{came}", param=field or None)
