"""Keeps the models up to date in the background: loads them, then follows the folder."""

from __future__ import annotations

import asyncio
import gc
import logging
from contextlib import aclosing
from typing import Final

from service import models_file, watch
from service.errors import ServiceError
from service.repository import Repository
from service.settings import Settings

logger = logging.getLogger(__name__)

_AGAIN_S: Final = 0.5
"""How soon a folder that is still being written is looked at again."""


class Upkeep:
    """The background work of one repository, on its event loop."""

    def __init__(self, repository: Repository, settings: Settings) -> None:
        self._repository = repository
        self._settings = settings
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Find the models and begin to load them; returns before they are ready.

        Raises:
            InvalidExport: the folder of models is not there.
            InvalidPlan: models.yaml does not say what it must.
        """
        await self._repository.start()
        if not self._repository.shelves:
            logger.warning("there are no models in %s", self._settings.models_dir)
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """End the background work; a load that goes on is for the repository to wait for."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        await self._repository.load_all()
        # What is loaded stays. Left among the living, the garbage collector would walk through all
        # of it every few thousand requests, tens of milliseconds each time.
        gc.collect()
        gc.freeze()
        paths = [self._settings.models_dir, models_file.path(self._settings)]
        async with aclosing(watch.changes(paths, self._settings.watch)) as changes:
            async for _ in changes:
                await self._refresh()

    async def _refresh(self) -> None:
        try:
            while await self._repository.refresh():  # noqa: ASYNC110 — files tell no event
                await asyncio.sleep(_AGAIN_S)
        except ServiceError as error:
            logger.error("the models stay as they are: %s", error.message)
        except Exception:  # the watch must outlive what nobody foresaw
            logger.exception("the models stay as they are")
