"""The key of a request: those of the same key are answered by the same label of a split."""

from __future__ import annotations

from typing import Any, Final

from starlette.types import Scope

from service.protocols.http.route import header

REQUEST_KEY: Final[dict[str, Any]] = {
    "name": "X-Request-Key",
    "in": "header",
    "description": "Who asks: where traffic is split, one version answers a key",
    "schema": {"type": "string"},
}
"""The header in the OpenAPI document."""


def request_key(scope: Scope) -> str | None:
    """The header `X-Request-Key`, such as a user's or a session's id; None where it is missing."""
    return header(scope, b"x-request-key").encode("latin-1").decode("utf-8", "replace") or None
