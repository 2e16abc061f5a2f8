"""Asks a request for the permission to change what is served."""

from __future__ import annotations

from starlette.types import Scope

from service import security
from service.protocols._envelope import header
from service.settings import Settings


def require_admin(scope: Scope, settings: Settings) -> None:
    """Let a request pass whose `Authorization` is `Bearer` and the ADMIN_TOKEN.

    Raises:
        Forbidden: nobody may: ADMIN is off.
        Unauthorized: the request has no token or a wrong one.
    """
    security.require_admin(header(scope, b"authorization"), settings)
