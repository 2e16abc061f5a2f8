"""What operators and orchestrators ask: health, metrics, and changes to what is served."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter

from service.protocols.operations import admin, health

router: Final = APIRouter()
router.routes.extend([*health.router.routes, *admin.router.routes])
