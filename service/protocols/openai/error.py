"""OpenAI's error envelope with a request id: the shape of our own routes and of OpenAI's."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import ClassVar, Final

import orjson

from service.errors import (
    CapacityError,
    Conflict,
    DeadlineExceeded,
    Forbidden,
    IndexNotFound,
    InputTooLarge,
    ItemNotFound,
    LabelNotFound,
    ModelError,
    ModelNotFound,
    Overloaded,
    RequestError,
    ServiceError,
    Unauthorized,
    UnsupportedType,
    VersionNotFound,
)
from service.protocols.http.route import EnvelopeRoute

_HUMP: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")
_LONGEST: Final = 1000
_TYPES: Final = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}


class OpenAIErrorRoute(EnvelopeRoute):
    """Errors as `{"error": {"message", "type", "param", "code", "request_id"}}`."""

    statuses: ClassVar[Mapping[type[ServiceError], int]] = {
        ServiceError: 500,
        RequestError: 400,
        Unauthorized: 401,
        Forbidden: 403,
        ModelNotFound: 404,
        VersionNotFound: 404,
        LabelNotFound: 404,
        IndexNotFound: 404,
        ItemNotFound: 404,
        Conflict: 409,
        UnsupportedType: 415,
        InputTooLarge: 413,
        CapacityError: 503,
        Overloaded: 429,
        DeadlineExceeded: 504,
        ModelError: 500,
    }

    @classmethod
    def body(cls, error: ServiceError, status: int, request_id: str) -> bytes:
        """The envelope; `code` is the error's class in snake case."""
        is_unknown = type(error) is ServiceError
        code = "internal_error" if is_unknown else _HUMP.sub("_", type(error).__name__).lower()
        return envelope(error.message, status, code, error.param, request_id)


def envelope(message: str, status: int, code: str, param: str | None, request_id: str) -> bytes:
    """An error as OpenAI's clients read it."""
    fallback = "server_error" if status >= 500 else "invalid_request_error"
    error = {
        "message": _quotable(message),
        "type": _TYPES.get(status, fallback),
        "param": param and _quotable(param),
        "code": code,
        "request_id": request_id,
    }
    return orjson.dumps({"error": error})


def _quotable(text: str) -> str:
    """Text that may quote a request: not endless, and without the lone surrogates JSON refuses."""
    shown = text if len(text) <= _LONGEST else f"{text[:_LONGEST]} …"
    return shown.encode("utf-8", "replace").decode("utf-8")
