"""Remembers which route answers a path, in front of FastAPI's middleware and list of routes.

FastAPI walks its middleware and its routes for each request, which costs more than the answer of a
small model.
"""

from __future__ import annotations

from typing import Final

from fastapi import FastAPI
from starlette.routing import Match
from starlette.types import Receive, Scope, Send

from service.protocols.http.route import EnvelopeRoute

_MOST_PATHS: Final = 1024
"""Paths in the cache; one more empties it."""
_LONGEST_PATH: Final = 512
"""Characters of a path that is cached."""


class RouteCache:
    """An ASGI application that hands requests for known paths straight to their route."""

    def __init__(self, app: FastAPI, routes: list[EnvelopeRoute]) -> None:
        self._app = app
        self._routes = routes
        self._known: dict[tuple[str, str], tuple[EnvelopeRoute, Scope]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection."""
        if scope["type"] == "http":
            found = self._known.get((scope["method"], scope["path"])) or self._look_up(scope)
            if found is not None:
                route, child_scope = found
                scope.update(child_scope)
                scope["app"] = self._app
                await route.handle(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _look_up(self, scope: Scope) -> tuple[EnvelopeRoute, Scope] | None:
        """The first route for the path and the verb, with the parameters in the path."""
        asked = {
            **scope,
            "root_path": self._app.root_path,
        }  # a proxy may strip the prefix or keep it
        for route in self._routes:
            match, child_scope = route.matches(asked)
            if match is Match.FULL or (match is Match.PARTIAL and _is_head(scope, route)):
                self._remember(scope, (route, child_scope))
                return route, child_scope
        return None

    def _remember(self, scope: Scope, found: tuple[EnvelopeRoute, Scope]) -> None:
        # Bounded, so that requests for ever new paths do not fill the memory.
        if len(self._known) == _MOST_PATHS:
            self._known.clear()
        if len(scope["path"]) <= _LONGEST_PATH:
            self._known[scope["method"], scope["path"]] = found


def _is_head(scope: Scope, route: EnvelopeRoute) -> bool:
    return scope["method"] == "HEAD" and "GET" in (route.methods or ())
