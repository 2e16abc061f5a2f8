"""The route class of this protocol: Triton's statuses, errors as `{"error": "…"}`, its own 405."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final

import orjson
from fastapi import APIRouter
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import Receive, Scope, Send

from service.errors import (
    CapacityError,
    Forbidden,
    InputTooLarge,
    LabelNotFound,
    ModelError,
    ModelNotFound,
    RequestError,
    ServiceError,
    Unauthorized,
    VersionNotFound,
)
from service.protocols.http.request import Context, request_id_of
from service.protocols.http.route import EnvelopeRoute, JSONReply
from service.protocols.open_inference import models

TAG: Final = "Open Inference Protocol"
_VERBS: Final = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
_LONGEST: Final = 1000
"""Characters of a message; it may quote a request."""


class OpenInferenceRoute(EnvelopeRoute):
    """Errors as `{"error": "…"}`; each path has one route, which also refuses its wrong verbs."""

    statuses: ClassVar[Mapping[type[ServiceError], int]] = {
        ServiceError: 500,
        RequestError: 400,
        Unauthorized: 401,
        Forbidden: 403,
        ModelNotFound: 404,
        VersionNotFound: 404,
        LabelNotFound: 404,
        InputTooLarge: 413,
        CapacityError: 503,
        ModelError: 500,
    }

    @classmethod
    def body(cls, error: ServiceError, status: int, request_id: str) -> bytes:
        """The error as Triton's and KServe's clients read it."""
        return error_body(error.message)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """A path of this route, whatever the verb."""
        match, child_scope = super().matches(scope)
        return Match.NONE if match is Match.NONE else Match.FULL, child_scope

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request whose path is this route's."""
        methods = self.methods or set()
        if scope["method"] in methods or (scope["method"] == "HEAD" and "GET" in methods):
            await super().handle(scope, receive, send)
            return
        allowed = ", ".join(sorted(methods))
        message = f"{scope['path']} does not take {scope['method']}; it takes {allowed}"
        reply = JSONReply(error_body(message), 405)
        reply.raw_headers.append((b"allow", allowed.encode()))
        reply.raw_headers.append((b"x-request-id", request_id_of(scope).encode()))
        await reply(scope, receive, send)


def error_body(message: str) -> bytes:
    """A message in the protocol's shape, without the lone surrogates that JSON refuses."""
    shown = message if len(message) <= _LONGEST else f"{message[:_LONGEST]} …"
    return orjson.dumps({"error": shown.encode("utf-8", "replace").decode()})


def version_of(path_params: Mapping[str, str]) -> int | None:
    """The version in a path, None where it names none.

    Raises:
        InvalidInput: it is no positive integer.
    """
    return models.version_of(path_params.get("version", ""))


router: Final = APIRouter(route_class=OpenInferenceRoute)
"""What no other route under `/v2` takes; it comes last."""


@router.api_route("/v2/{path:path}", methods=_VERBS, include_in_schema=False)
async def unknown(request: Context) -> Response:
    """Answer a path that the protocol, or this service's part of it, does not have."""
    message = f"there is no {request.url.path}; see /docs for what there is"
    return JSONReply(error_body(message), 404)
