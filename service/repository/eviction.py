"""The memory that models may take, and which model is unloaded when it is short."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from service.machine import memory
from service.repository.model import Model

logger = logging.getLogger(__name__)

_MEGABYTE: Final = 1024 * 1024
_SPACE_PER_BYTE: Final = 2
"""A model not loaded before is taken to need its files' size this many times."""


class Eviction:
    """Unloads the least recently used models, so that the process stays within a limit.

    What counts is the memory that the operating system sees, not an estimate.
    """

    def __init__(self, max_megabytes: int | None) -> None:
        """Without `max_megabytes` nothing is ever unloaded."""
        self._max_bytes = None if max_megabytes is None else max_megabytes * _MEGABYTE
        self._needs: dict[tuple[str, int], int] = {}

    async def load(
        self, model: Model, others: Callable[[], Iterable[Model]], pinned: Callable[[Model], bool]
    ) -> None:
        """Load `model`, and unload idle ones of the `others`, but never those `pinned`."""
        if self._max_bytes is None:
            await model.load()
            return
        key = (model.export.name, model.export.version)
        need = self._needs.get(key) or _SPACE_PER_BYTE * await asyncio.to_thread(_size, model)
        await self._shrink(self._max_bytes - need, _evictable(others(), model, pinned))
        before = memory.resident_bytes()
        await model.load()
        self._needs[key] = max(memory.resident_bytes() - before, _MEGABYTE)
        await self._shrink(self._max_bytes, _evictable(others(), model, pinned))

    async def _shrink(self, max_bytes: int, victims: Sequence[Model]) -> None:
        for victim in victims:
            if memory.resident_bytes() <= max_bytes:
                return
            if victim.is_held or victim.state != "ready":  # it was asked meanwhile
                continue
            await victim.unload("evicted to make room; the next request loads it again")
            await asyncio.to_thread(memory.trim)
        if (resident := memory.resident_bytes()) > max_bytes:
            logger.warning(
                "%d MB are resident and no model is left to unload: MEMORY_BUDGET_MB is too low",
                resident // _MEGABYTE,
            )


def _evictable(
    models: Iterable[Model], coming: Model, pinned: Callable[[Model], bool]
) -> list[Model]:
    """The models that may be unloaded, the least recently used first."""
    idle = [
        model
        for model in models
        if model is not coming and model.state == "ready" and not model.is_held
        if not pinned(model)
    ]
    return sorted(idle, key=lambda model: model.used_at)


def _size(model: Model) -> int:
    total = 0
    for path in model.export.path.rglob("*"):
        with contextlib.suppress(OSError):  # removed meanwhile: loading says what is missing
            total += path.stat().st_size if path.is_file() else 0
    return total
