"""Reads what a caller uploads, in any of three forms, and the options beside it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection
from functools import lru_cache
from typing import Any, Final, Generic, NamedTuple, TypeVar
from urllib.parse import parse_qsl

from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from service.codecs.base64 import from_base64
from service.errors import InputTooLarge, InvalidInput, UnsupportedType
from service.protocols.http.body import read_body, read_inflated
from service.protocols.http.message import parse_message, validated
from service.protocols.http.request import Context
from service.protocols.lutrin.inputs import read_inputs
from service.protocols.lutrin.requests import ModelChoice
from service.settings import Settings

R = TypeVar("R", bound=ModelChoice)

_OPTIONS: Final = 16
"""Fields of a form that are no inputs; a list of words is one more for each."""
_UTF8: Final = ("", "utf-8", "utf8", "us-ascii")


class Upload(NamedTuple, Generic[R]):
    """Texts (str) and image files (bytes) in the order sent, and the request beside them."""

    inputs: list[str | bytes]
    asked: R


class UploadReader(Generic[R]):
    """How one route is sent what it takes: a body as it is, a form, or JSON.

    Options stand in the query, or in the form or the JSON, which go before it.
    """

    def __init__(
        self, kind: type[R], field: str, *, texts: bool = False, lists: Collection[str] = ()
    ) -> None:
        """JSON has inputs in `field`, and options as `kind` says, of which `lists` are of words.

        A form has files in `image`, and in `text` texts where the route takes those.
        """
        self.kind = kind
        self.field = field
        self.takes_texts = texts
        self.lists = frozenset(lists)
        self._options = [name for name in kind.model_fields if name != field]
        self._fields = ("image", "text") if texts else ("image",)
        # Callers ask with the same few queries over and over.
        self._query = lru_cache(maxsize=256)(self._read_query)

    async def read(self, request: Context) -> Upload[R]:
        """Read a request in whichever form it came.

        Raises:
            InvalidInput: a field is missing or malformed.
            InputTooLarge: the body or the number of inputs passes its limit.
            UnsupportedType: the body's content type is none of those.
            DeadlineExceeded: the body did not arrive in time.
        """
        settings = request.settings
        content_type, _, parameters = request.header(b"content-type").partition(";")
        content_type = content_type.strip().lower()
        # Images are compressed already; JSON comes in gzip too, here as on every route.
        read = read_inflated if content_type == "application/json" else read_body
        body = await read(request)
        query = self._query(request.scope["query_string"])
        if content_type.startswith("image/") or content_type == "application/octet-stream":
            return Upload([body], query)
        if content_type == "application/json":
            return await self._read_json(body, query, settings)
        if content_type == "multipart/form-data":
            _check_charset(parameters)
            return await self._read_form(request, body, query, settings)
        if content_type == "text/plain" and self.takes_texts:
            return Upload([_decoded(body, parameters)], query)
        came = content_type[:100] or "not given"
        raise UnsupportedType(f"the content type is {came}; {self._forms()}")

    def _forms(self) -> str:
        if self.takes_texts:
            return (
                "send an image or a text as the body with its Content-Type (such as image/png or "
                "text/plain), a form (multipart/form-data, fields 'image' and 'text'), or JSON "
                f"with '{self.field}'"
            )
        return (
            "send an image as the body with its Content-Type (such as image/png), "
            f"a form (multipart/form-data, field 'image'), or JSON with '{self.field}'"
        )

    def _read_query(self, query: bytes) -> R:
        return self._read_options(parse_qsl(query.decode("latin-1"), keep_blank_values=True))

    def _read_options(self, fields: Collection[tuple[str, str]]) -> R:
        unknown = {name for name, _ in fields}.difference(self._options)
        if unknown:
            known = ", ".join(self._options)
            raise InvalidInput(
                f"unknown parameter {', '.join(sorted(unknown))}; known: {known}",
                param=min(unknown),
            )
        # An empty field is one not filled in: browsers send those too.
        given: dict[str, Any] = {name: text for name, text in fields if text}
        for name in self.lists & given.keys():
            words = [text for each, text in fields if each == name and text]
            given[name] = words if len(words) > 1 else _words(words[0])
        return validated(self.kind, given, strict=False)

    async def _read_json(self, body: bytes, query: R, settings: Settings) -> Upload[R]:
        asked = validated(self.kind, await parse_message(body, settings))
        value = getattr(asked, self.field)
        if self.takes_texts:
            return Upload(read_inputs(value, self.field, settings), _over(query, asked))
        if len(value) > settings.max_images:
            raise _too_many(settings, self.field)
        files = [from_base64(text, f"{self.field}[{index}]") for index, text in enumerate(value)]
        return Upload([*files], _over(query, asked))

    async def _read_form(
        self, request: Context, body: bytes, query: R, settings: Settings
    ) -> Upload[R]:
        form = await _parse_form(request, body, settings, self.field)
        inputs = [
            await self._input(name, part)
            for name, part in form.multi_items()
            if name in self._fields
        ]
        if not inputs:
            found = ", ".join(sorted(set(form))) or "nothing"
            wanted = " or a text in a field 'text'" if self.takes_texts else ""
            raise InvalidInput(
                f"the form has no file in a field 'image'{wanted}; it has: {found[:100]}",
                param="image",
            )
        for name, part in form.multi_items():
            if name not in self._fields and not isinstance(part, str):
                raise InvalidInput(
                    f"the form has a file in the field '{name[:100]}', and takes files in "
                    + " and ".join(f"'{each}'" for each in self._fields),
                    param=name,
                )
        options = [
            (name, part)
            for name, part in form.multi_items()
            if name not in self._fields and isinstance(part, str)
        ]
        return Upload(inputs, _over(query, self._read_options(options)))

    async def _input(self, name: str, part: UploadFile | str) -> str | bytes:
        if name == "image":
            if isinstance(part, str):
                raise InvalidInput(
                    "the form's field 'image' is text, not a file; with curl: -F image=@digit.png",
                    param="image",
                )
            return await part.read()
        if isinstance(part, str):
            return part
        _, _, parameters = (part.content_type or "").partition(";")
        return _decoded(await part.read(), parameters)


class _FormParser(MultiPartParser):
    """Keeps files in memory: the body is bounded already, and the disk may be read-only."""

    def __init__(self, request: Context, body: bytes, settings: Settings) -> None:
        super().__init__(
            request.headers,
            _once(body),
            max_files=settings.max_images + settings.max_texts + 1,
            max_fields=settings.max_texts + _OPTIONS,
            max_part_size=settings.max_body_bytes,
        )
        self.spool_max_size = settings.max_body_bytes + 1

    def on_part_end(self) -> None:
        """Refuse a field that is no text; Starlette would take it for Latin-1."""
        part = self._current_part
        self._charset = "utf-8"  # by whichever of its names it was called
        if part.file is None:
            try:
                part.data.decode()
            except UnicodeDecodeError as error:
                raise MultiPartException(
                    f"the field '{part.field_name}' is not UTF-8: {error.reason} at byte "
                    f"{error.start}"
                ) from None
        super().on_part_end()


async def _once(body: bytes) -> AsyncGenerator[bytes, None]:
    yield body


async def _parse_form(request: Context, body: bytes, settings: Settings, field: str) -> FormData:
    try:
        parser = _FormParser(request, body, settings)
        form = await parser.parse()
    except MultiPartException as error:
        if "Too many f" in error.message:
            raise InputTooLarge(f"the form has too many parts: {error.message}") from None
        raise InvalidInput(f"the form cannot be read: {error.message}") from None
    except KeyError:
        raise InvalidInput("the form's Content-Type has no boundary") from None
    if body.rfind(b"--%b--" % _boundary(request)) < 0:
        raise InvalidInput("the form ends before its closing boundary: part of it is missing")
    if sum(name == "image" for name, _ in form.multi_items()) > settings.max_images:
        raise _too_many(settings, field)
    return form


def _boundary(request: Context) -> bytes:
    _, options = parse_options_header(request.headers["content-type"])
    return options[b"boundary"]


def _decoded(text: bytes, parameters: str) -> str:
    """A text that came by itself, in UTF-8 as its Content-Type's parameters must say."""
    _check_charset(parameters)
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        raise InvalidInput(f"the text is not UTF-8: {error.reason} at byte {error.start}") from None


def _check_charset(parameters: str) -> None:
    """Refuse texts that their Content-Type's parameters say are in anything but UTF-8."""
    _, options = parse_options_header(f"text/plain;{parameters}")
    charset = options.get(b"charset", b"").decode("latin-1").lower()
    if charset not in _UTF8:
        raise UnsupportedType(f"the text is in {charset[:50]}; send it in UTF-8")


def _words(text: str) -> list[str]:
    """The words in `a,b`."""
    return [word.strip() for word in text.split(",") if word.strip()]


def _over(query: R, body: R) -> R:
    """The options of the query, and over them those of the body."""
    given = {name: getattr(body, name) for name in body.model_fields_set}
    return query.model_copy(update=given)


def _too_many(settings: Settings, field: str) -> InputTooLarge:
    return InputTooLarge(
        f"the request has too many images; at most {settings.max_images} are taken", param=field
    )
