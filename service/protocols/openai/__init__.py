"""OpenAI's API: embeddings and the list of models; `/openai/v1` is a base URL for its clients."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter

from service.protocols.openai import embeddings, models

router: Final = APIRouter()
router.routes.extend([*models.router.routes, *embeddings.router.routes])
