"""Search: `/v1/indexes`, filled and asked by models."""

from __future__ import annotations

from typing import Final, cast

from fastapi import APIRouter
from fastapi.routing import APIRoute

from service.protocols.lutrin.indexes import indexes, items

_ORDER: Final = (
    "indexes",
    "add",
    "query",
    "item",
    "delete_item",
    "renew",
    "delete_items",
    "index",
    "drop",
)
"""Operations in the order in which a newcomer needs them, and can try one after another."""

_routes: Final = cast(list[APIRoute], [*items.router.routes, *indexes.router.routes])
_routes.sort(key=lambda route: _ORDER.index(route.name))
router: Final = APIRouter()
router.routes.extend(_routes)
