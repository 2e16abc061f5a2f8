"""The key of a request: those of the same key are answered by the same label of a split."""

from __future__ import annotations

from starlette.types import Scope

from service.protocols._envelope import header


def request_key(scope: Scope) -> str | None:
    """The header `X-Request-Key`, such as a user's or a session's id; None where it is missing."""
    return header(scope, b"x-request-key").encode("latin-1").decode("utf-8", "replace") or None
