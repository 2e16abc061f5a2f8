"""Search: `/v1/indexes`, filled and asked by models."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter

from service.protocols.lutrin.indexes import indexes, items

router: Final = APIRouter()
router.routes.extend([*indexes.router.routes, *items.router.routes])
