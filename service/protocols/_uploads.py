"""Reads what a caller sent: a bounded body, and pictures in any of three forms."""

from __future__ import annotations

import base64
import binascii
from collections.abc import AsyncGenerator
from functools import lru_cache
from typing import Annotated, Final, NamedTuple
from urllib.parse import parse_qsl

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from service.errors import InputTooLarge, InvalidInput, UnsupportedType
from service.protocols._envelope import header
from service.settings import Settings

_FORMS: Final = (
    "send a picture as the body with its Content-Type (such as image/png), "
    "a form (multipart/form-data, field 'image'), or JSON with 'images'"
)


class ClassifyRequest(BaseModel):
    """Pictures in JSON, and the options that any form takes."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    model: str | None = None
    """The model's name; may be left out when exactly one model can classify."""
    version: Annotated[int, Field(ge=1)] | None = None
    """The model's version; left out, the one being served."""
    top_k: int | None = None
    """How many classes to return for each picture, the best first; 5 when left out."""
    images: list[str] = []
    """Picture files in base64, or as data URIs (`data:image/png;base64,…`)."""


class Upload(NamedTuple):
    """Picture files and the options beside them."""

    files: list[bytes]
    options: ClassifyRequest


async def read_upload(request: Request, settings: Settings) -> Upload:
    """Read the pictures of a request in whichever form they came.

    Raises:
        InvalidInput: a field is missing or malformed.
        InputTooLarge: the body or the number of pictures passes its limit.
        UnsupportedType: the body's content type is none of the three.
    """
    content_type = header(request.scope, b"content-type").partition(";")[0].strip().lower()
    body = await read_body(request, settings.max_body_bytes)
    if content_type.startswith("image/") or content_type == "application/octet-stream":
        return Upload([body], _query(request.scope["query_string"]))
    if content_type == "application/json":
        return _read_json(body, settings)
    if content_type == "multipart/form-data":
        return await _read_form(request, body, settings)
    raise UnsupportedType(f"the content type is {content_type or 'missing'!r}; {_FORMS}")


async def read_body(request: Request, max_bytes: int) -> bytes:
    """The whole body.

    Raises:
        InputTooLarge: it is, or says it is, longer than `max_bytes`.
        ClientDisconnect: the caller hung up before its end.
    """
    declared = header(request.scope, b"content-length")
    if declared.isdecimal() and int(declared) > max_bytes:
        raise InputTooLarge(f"the body has {declared} bytes; {max_bytes} are taken at most")
    chunks: list[bytes] = []
    received, more = 0, True
    while more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunks.append(message.get("body", b""))
        more = message.get("more_body", False)
        received += len(chunks[-1])
        if received > max_bytes:
            raise InputTooLarge(f"the body has more than the {max_bytes} bytes taken at most")
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


class _FormParser(MultiPartParser):
    """Keeps files in memory: the body is bounded already, and the disk may be read-only."""

    def __init__(self, request: Request, body: bytes, settings: Settings) -> None:
        super().__init__(
            request.headers,
            _once(body),
            max_files=settings.max_images + 1,  # one more, to be counted and refused by name
            max_fields=16,
        )
        self.spool_max_size = settings.max_body_bytes + 1


async def _once(body: bytes) -> AsyncGenerator[bytes, None]:
    yield body


async def _read_form(request: Request, body: bytes, settings: Settings) -> Upload:
    try:
        form = await _FormParser(request, body, settings).parse()
    except MultiPartException as error:
        if "Too many files" in error.message:
            raise _too_many(settings) from None
        raise InvalidInput(f"the form cannot be read: {error.message}") from None
    except KeyError:
        raise InvalidInput("the form's Content-Type has no boundary") from None
    files = [await _file_of(part) for part in form.getlist("image")]
    if not files:
        found = ", ".join(sorted(set(form))) or "nothing"
        raise InvalidInput(
            f"the form has no file in a field 'image'; it has: {found}", param="image"
        )
    return Upload(files, _options(dict(request.query_params) | _texts(form)))


async def _file_of(part: UploadFile | str) -> bytes:
    if isinstance(part, str):
        raise InvalidInput(
            "the form's field 'image' is text, not a file; with curl: -F image=@digit.png",
            param="image",
        )
    return await part.read()


def _texts(form: FormData) -> dict[str, str]:
    return {name: part for name, part in form.items() if name != "image" and isinstance(part, str)}


@lru_cache(maxsize=256)  # callers ask with the same few queries over and over
def _query(query: bytes) -> ClassifyRequest:
    return _options(dict(parse_qsl(query.decode("latin-1"), keep_blank_values=True)))


def _options(fields: dict[str, str]) -> ClassifyRequest:
    unknown = fields.keys() - {"model", "version", "top_k"}
    if unknown:
        raise InvalidInput(
            f"unknown parameter {', '.join(sorted(unknown))}; known: model, version, top_k",
            param=min(unknown),
        )
    try:
        return ClassifyRequest.model_validate(fields)
    except ValidationError as error:
        raise _invalid(error) from None


def _read_json(body: bytes, settings: Settings) -> Upload:
    try:
        asked = ClassifyRequest.model_validate_json(body)
    except ValidationError as error:
        raise _invalid(error) from None
    if len(asked.images) > settings.max_images:
        raise _too_many(settings)
    return Upload([_decode(text, index) for index, text in enumerate(asked.images)], asked)


def _decode(text: str, index: int) -> bytes:
    name = f"images[{index}]"
    if text.startswith(("http://", "https://")):
        raise InvalidInput(
            f"{name} is a URL, and this service fetches none: send the file in base64", param=name
        )
    if text.startswith("data:"):
        header, comma, text = text.partition(",")
        if not comma or not header.endswith(";base64"):
            raise InvalidInput(
                f"{name} is a data URI that is not 'data:<type>;base64,<data>'", param=name
            )
    # Both alphabets are taken, with or without padding and line breaks: clients send them all.
    plain = "".join(text.split()).rstrip("=").translate({ord("-"): "+", ord("_"): "/"})
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidInput(f"{name} is not base64: {error}", param=name) from None


def _too_many(settings: Settings) -> InputTooLarge:
    return InputTooLarge(
        f"the request has too many pictures; at most {settings.max_images} are taken",
        param="images",
    )


def _invalid(error: ValidationError) -> InvalidInput:
    first = error.errors(include_url=False)[0]
    field = ".".join(str(part) for part in first["loc"])
    where = f"{field}: " if field else "the JSON body: "
    known = f"; known fields: {', '.join(ClassifyRequest.model_fields)}"
    hint = known if first["type"] == "extra_forbidden" else ""
    return InvalidInput(f"{where}{first['msg']}{hint}", param=field or None)
