"""Reads the pictures that a caller sent, in any of three forms, and the options beside them."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from functools import lru_cache
from typing import Annotated, Any, Final, NamedTuple
from urllib.parse import parse_qsl

from pydantic import BaseModel, BeforeValidator, ConfigDict, FailFast, Field, ValidationError
from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from service.errors import InputTooLarge, InvalidInput, UnsupportedType
from service.protocols._base64 import from_base64
from service.protocols._body import read_body
from service.protocols._envelope import header
from service.settings import Settings

_FORMS: Final = (
    "send a picture as the body with its Content-Type (such as image/png), "
    "a form (multipart/form-data, field 'image'), or JSON with 'images'"
)


def _no_bool(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("true and false are no numbers")
    return value


_NO_BOOL: Final = BeforeValidator(_no_bool)
_FILES: Final[dict[str, Any]] = {
    "minItems": 1,
    "items": {"type": "string", "contentEncoding": "base64", "contentMediaType": "image/*"},
}


class ClassifyRequest(BaseModel):
    """Pictures in JSON, and the options that any form takes, there or in the query."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        json_schema_extra={"required": ["images"], "not": {"required": ["version", "label"]}},
    )

    model: str | None = None
    """The model's name; may be left out when exactly one model can classify."""
    version: Annotated[int, _NO_BOOL, Field(ge=1)] | None = None
    """The model's version; left out, the one being served."""
    label: str | None = None
    """A label of models.yaml, such as stable, in place of a version."""
    key: str | None = None
    """Who asks: where traffic is split, one version answers a key. X-Request-Key goes before it."""
    top_k: Annotated[int, _NO_BOOL, Field(json_schema_extra={"minimum": 1})] | None = None
    """How many classes to return for each picture, the best first; 5 when left out."""
    images: Annotated[list[str], FailFast(), Field(json_schema_extra=_FILES)] = []
    """Picture files in base64, or as data URIs (`data:image/png;base64,…`)."""


_OPTIONS: Final = dict.fromkeys(each for each in ClassifyRequest.model_fields if each != "images")
"""What may stand in a query or a form."""


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
        DeadlineExceeded: the body did not arrive in time.
    """
    scope = request.scope
    content_type = header(scope, b"content-type").partition(";")[0].strip().lower()
    body = await read_body(request, settings)
    query = _query(scope["query_string"])
    if content_type.startswith("image/") or content_type == "application/octet-stream":
        return Upload([body], query)
    if content_type == "application/json":
        return _read_json(body, query, settings)
    if content_type == "multipart/form-data":
        return await _read_form(request, body, query, settings)
    raise UnsupportedType(f"the content type is {content_type or 'not given'}; {_FORMS}")


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


async def _read_form(
    request: Request, body: bytes, query: ClassifyRequest, settings: Settings
) -> Upload:
    try:
        parser = _FormParser(request, body, settings)
        form = await parser.parse()
    except MultiPartException as error:
        if "Too many files" in error.message:
            raise _too_many(settings) from None
        raise InvalidInput(f"the form cannot be read: {error.message}") from None
    except KeyError:
        raise InvalidInput("the form's Content-Type has no boundary") from None
    if body.rfind(b"--%b--" % _boundary(request)) < 0:
        raise InvalidInput("the form ends before its closing boundary: part of it is missing")
    files = [await _file_of(part) for part in form.getlist("image")]
    if not files:
        found = ", ".join(sorted(set(form))) or "nothing"
        raise InvalidInput(
            f"the form has no file in a field 'image'; it has: {found}", param="image"
        )
    return Upload(files, _over(query, _options(_texts(form))))


def _boundary(request: Request) -> bytes:
    _, options = parse_options_header(request.headers["content-type"])
    return options[b"boundary"]


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
    unknown = fields.keys() - _OPTIONS
    if unknown:
        known = ", ".join(_OPTIONS)
        raise InvalidInput(
            f"unknown parameter {', '.join(sorted(unknown))}; known: {known}", param=min(unknown)
        )
    # An empty field is one not filled in: browsers send those too.
    given = {name: text for name, text in fields.items() if text}
    try:
        return ClassifyRequest.model_validate(given)
    except ValidationError as error:
        raise _invalid(error) from None


def _over(query: ClassifyRequest, body: ClassifyRequest) -> ClassifyRequest:
    """The options of the query, and over them those of the body."""
    given = {name: getattr(body, name) for name in body.model_fields_set}
    return query.model_copy(update=given)


def _read_json(body: bytes, query: ClassifyRequest, settings: Settings) -> Upload:
    # A sound body has few items, each a picture. One of millions would hold up everybody while
    # it is parsed, so it is told from the commas: base64 has none, a data URI has one.
    if body.count(b",") > 2 * settings.max_images + 64:
        raise _too_many(settings)
    try:
        asked = ClassifyRequest.model_validate_json(body)
    except ValidationError as error:
        raise _invalid(error) from None
    files = [from_base64(text, f"images[{index}]") for index, text in enumerate(asked.images)]
    return Upload(files, _over(query, asked))


def _too_many(settings: Settings) -> InputTooLarge:
    return InputTooLarge(
        f"the request has too many pictures; at most {settings.max_images} are taken",
        param="images",
    )


def _invalid(error: ValidationError) -> InvalidInput:
    first = error.errors(include_url=False)[0]
    field = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        known = ", ".join(ClassifyRequest.model_fields)
        return InvalidInput(f"unknown field {field[:100]}; known fields: {known}", param=field)
    where = f"{field}: " if field else "the JSON body: "
    came = f"; got {str(first['input'])[:100]}" if field else ""
    return InvalidInput(f"{where}{first['msg']}{came}", param=field or None)
