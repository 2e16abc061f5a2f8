"""Asks a request for the permission to change what is served."""

from __future__ import annotations

from typing import Any, Final

from fastapi import Security
from fastapi.security import HTTPBearer
from starlette.types import Scope

from service.access import admin
from service.protocols.http.route import header
from service.settings import Settings

NEEDS_ADMIN: Final[Any] = Security(
    HTTPBearer(
        scheme_name="ADMIN_TOKEN",
        description="The service's ADMIN_TOKEN, where it runs with `ADMIN=true`.",
        auto_error=False,
    )
)
"""Says in the OpenAPI document that a route takes the token; what asks for it is below."""


def require_admin(scope: Scope, settings: Settings) -> None:
    """Let a request pass whose `Authorization` is `Bearer` and the ADMIN_TOKEN.

    Raises:
        Forbidden: nobody may: ADMIN is off.
        Unauthorized: the request has no token or a wrong one.
    """
    admin.require_admin(header(scope, b"authorization"), settings)
