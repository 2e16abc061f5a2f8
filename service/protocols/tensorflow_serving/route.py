"""The route classes of this protocol: paths in any case, TensorFlow Serving's errors."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final

import orjson
from fastapi import APIRouter
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import Receive, Scope, Send

from service.errors import (
    CapacityError,
    DeadlineExceeded,
    Forbidden,
    InputTooLarge,
    InvalidInput,
    ModelError,
    ModelNotFound,
    RequestError,
    ServiceError,
    Unauthorized,
    Unimplemented,
    VersionNotFound,
)
from service.protocols.http.request import Context
from service.protocols.http.route import EnvelopeRoute

TAG: Final = "TensorFlow Serving"
_LONGEST: Final = 2000
"""Characters of a message; it may quote a request."""
_PLACES: Final = {
    "{name}": "(?P<name>[^/:]+)",
    "{version}": "(?P<version>[0-9]+)",
    "{label}": "(?P<label>[^/:]+)",
}


class TensorFlowServingRoute(EnvelopeRoute):
    """Errors as `{"error": "…"}`; `/V1/models/m:PREDICT` is the path that it is in lower case."""

    statuses: ClassVar[Mapping[type[ServiceError], int]] = {
        ServiceError: 500,
        RequestError: 400,
        Unauthorized: 401,
        Forbidden: 403,
        ModelNotFound: 404,
        VersionNotFound: 404,
        InputTooLarge: 413,
        CapacityError: 503,
        DeadlineExceeded: 504,
        ModelError: 500,
        Unimplemented: 501,
    }

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, endpoint, **options)
        self._pattern = _pattern(path)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """A path of this route, in any case, and by one of its verbs."""
        # FastAPI's own way to match knows neither cases nor what may stand in a parameter.
        if scope["type"] != "http" or scope["method"] not in (self.methods or ()):
            return Match.NONE, {}
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        match = self._pattern.fullmatch(path)
        if match is None:
            return Match.NONE, {}
        return Match.FULL, {"endpoint": self.endpoint, "path_params": match.groupdict()}

    @classmethod
    def body(cls, error: ServiceError, status: int, request_id: str) -> bytes:
        """The error as TensorFlow Serving's clients read it."""
        message = error.message
        shown = message if len(message) <= _LONGEST else f"{message[:_LONGEST]} …"
        # A quoted request may hold lone surrogates, which JSON refuses.
        return orjson.dumps({"error": shown.encode("utf-8", "replace").decode()})


class MalformedRoute(TensorFlowServingRoute):
    """Any path that begins as this route's, by any verb."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether the path begins so."""
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        if scope["type"] != "http" or not self._pattern.match(path):
            return Match.NONE, {}
        return Match.FULL, {"endpoint": self.endpoint, "path_params": {}}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, whatever its verb."""
        await self.answer(scope, receive, send)


def _pattern(path: str) -> re.Pattern[str]:
    pattern = re.escape(path)
    for place, group in _PLACES.items():
        pattern = pattern.replace(re.escape(place), group)
    return re.compile(pattern, re.IGNORECASE)


router: Final = APIRouter(route_class=MalformedRoute)
"""What no other route under `/v1/models/` takes; it comes last."""


@router.get("/v1/models/", include_in_schema=False)
async def malformed(request: Context) -> Response:
    """Refuse any path that begins like this one, with any verb."""
    path = str(request.scope.get("raw_path") or request.url.path.encode(), "latin-1")
    raise InvalidInput(f"Malformed request: {request.method} {path}")
