"""What no other route under `/v1/models/` takes."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from service.errors import InvalidInput
from service.protocols.tensorflow_serving.route import MalformedRoute

router: Final = APIRouter(route_class=MalformedRoute)


@router.get("/v1/models/", include_in_schema=False)
async def malformed(request: Request) -> Response:
    """Refuse any path that begins as this one, and any verb."""
    path = str(request.scope.get("raw_path") or request.url.path.encode(), "latin-1")
    raise InvalidInput(f"Malformed request: {request.method} {path}")
