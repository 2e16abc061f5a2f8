"""Lutrin's own API: classify, embed, similarity, rerank, explain, and search."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter

from service.protocols.lutrin import classify, embed, explain, indexes, rerank, similarity

router: Final = APIRouter()
router.routes.extend(
    [
        *classify.router.routes,
        *embed.router.routes,
        *similarity.router.routes,
        *rerank.router.routes,
        *explain.router.routes,
        *indexes.router.routes,
    ]
)
