"""Lutrin's own API: classify, embed, similarity, rerank, and search."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter

from service.protocols.lutrin import classify, embed, indexes, rerank, similarity

router: Final = APIRouter()
router.routes.extend(
    [
        *classify.router.routes,
        *embed.router.routes,
        *similarity.router.routes,
        *rerank.router.routes,
        *indexes.router.routes,
    ]
)
