"""What is not there under `/v2`, said in the protocol's own shape."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from service.protocols.http.route import JSONReply
from service.protocols.open_inference.route import OpenInferenceRoute, error_body

router: Final = APIRouter(route_class=OpenInferenceRoute)

_VERBS: Final = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


@router.api_route("/v2/{path:path}", methods=_VERBS, include_in_schema=False)
async def unknown(request: Request) -> Response:
    """Any path that the protocol, or this service's part of it, does not have."""
    message = f"there is no {request.url.path}; see /docs for what there is"
    return JSONReply(error_body(message), 404)
