"""One HTTP request, as every endpoint gets it: its headers, and the services that answer it."""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple, cast

from fastapi import Security
from fastapi.security import HTTPBearer
from starlette.requests import Request
from starlette.types import Receive, Scope

from service.engine.engine import Engine
from service.engine.zero_shot import ZeroShot
from service.observability.peers import Peers
from service.protocols.stages import new_request_id
from service.search.search import Search
from service.settings import Settings

_REQUEST_ID: Final = re.compile(r"[\x21-\x7e]{1,128}")

REQUEST_KEY: Final[dict[str, Any]] = {
    "name": "X-Request-Key",
    "in": "header",
    "description": "The routing key: where traffic is split, one version answers all of a key",
    "schema": {"type": "string"},
}
"""The header in the OpenAPI document."""

NEEDS_ADMIN: Final[Any] = Security(
    HTTPBearer(
        scheme_name="ADMIN_TOKEN",
        description="The service's ADMIN_TOKEN, where it runs with `ADMIN=true`.",
        auto_error=False,
    )
)
"""The dependency of a route that needs the token; the stage `authenticate` checks it."""


class Services(NamedTuple):
    """What answers requests; one for the application."""

    settings: Settings
    engine: Engine
    zero_shot: ZeroShot
    search: Search
    peers: Peers | None
    """The other workers, where there are any."""


class Context(Request):
    """An HTTP request with the services that answer it."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        super().__init__(scope, receive)
        self.services = cast(Services, scope["app"].state.services)
        """The services of the application; looked up once, which Starlette's State makes slow."""

    @property
    def settings(self) -> Settings:
        """The settings of the service."""
        return self.services.settings

    @property
    def engine(self) -> Engine:
        """The models and what can be asked of them."""
        return self.services.engine

    def header(self, name: bytes) -> str:
        """The first header of a name, empty where it is missing; `name` in lower case."""
        for key, value in self.scope["headers"]:  # Starlette's Headers decodes all of them
            if key == name:
                return str(value, "latin-1")
        return ""

    @property
    def routing_key(self) -> str | None:
        """The header `X-Request-Key`, such as a user's or a session's id, if there is one."""
        return self.header(b"x-request-key").encode("latin-1").decode("utf-8", "replace") or None


def header(scope: Scope, name: bytes) -> str:
    """The first header of a name, empty where it is missing; `name` in lower case."""
    # Starlette's Headers decodes all of them.
    for key, value in scope["headers"]:
        if key == name:
            return str(value, "latin-1")
    return ""


def request_id_of(scope: Scope) -> str:
    """The caller's `X-Request-ID` where it is valid, else a new one."""
    given = header(scope, b"x-request-id")
    if given and _REQUEST_ID.fullmatch(given):
        return given
    return new_request_id()
