"""The Open Inference Protocol, version 2, over HTTP, as KServe and Triton speak it, under `/v2`."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter

from service.protocols.open_inference import (
    health,
    infer,
    metadata,
    repository,
    route,
    statistics,
)

_MODULES: Final = (health, statistics, metadata, infer, repository, route)
"""In this order paths are looked for: `/v2/models/stats` before it could be a model's name, and
those that no module knows last.
"""

router: Final = APIRouter()
router.routes.extend(route for module in _MODULES for route in module.router.routes)
