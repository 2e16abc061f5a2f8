"""Keeps the models in sync with their folder and store, in the background."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from functools import partial
from typing import Final

from service.errors import ServiceError
from service.exports import watcher
from service.exports.remote.mirror import Mirror
from service.repository.plans import models_file
from service.repository.repository import Repository
from service.settings import Settings

logger = logging.getLogger(__name__)

_AGAIN_S: Final = 0.5
"""How soon a folder that is still being written is looked at again."""
_FETCH_AGAIN_S: Final = 5.0
"""How soon, at least, a store is looked at again whose models.yaml is wrong."""


class ModelSync:
    """The background work of one repository, on its event loop."""

    def __init__(self, repository: Repository, settings: Settings) -> None:
        self._repository = repository
        self._settings = settings
        self._task: asyncio.Task[None] | None = None
        self._mirror = repository.mirror

    async def start(self) -> None:
        """Find the models and begin to load them; returns before they are ready.

        Those from an address are found in the background: fetching them may take its time.

        Raises:
            InvalidExport: the folder of models is not there.
            InvalidPlan: models.yaml does not say what it must.
        """
        if self._mirror is None:
            await self._find()
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """End the background work; a load that goes on is for the repository to wait for."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _find(self) -> None:
        await self._repository.start()
        if not self._repository.all_versions:
            logger.warning("there are no models in %s", self._settings.models_shown)

    async def _find_fetched(self, mirror: Mirror) -> None:
        while True:
            await mirror.start()
            try:
                await self._find()
                return
            except ServiceError as error:  # a models.yaml that is wrong, to be mended in the store
                self._repository.problem = error.message
                logger.error("%s", error.message)
                await asyncio.sleep(max(self._settings.remote_poll_s, _FETCH_AGAIN_S))

    async def _run(self) -> None:
        if self._mirror is not None:
            await self._find_fetched(self._mirror)
        try:
            await self._repository.load_all()
        except Exception:  # what is new is to be followed all the same
            logger.exception("the models could not all be loaded")
        # What is loaded stays. Left among the living, the garbage collector would walk through all
        # of it every few thousand requests, tens of milliseconds each time.
        gc.collect()
        gc.freeze()
        paths = [self._settings.models_folder, models_file.path(self._settings)]
        sources = [partial(watcher.changes, paths, self._settings.watch)]
        if self._mirror is not None:
            sources.append(partial(self._mirror.changes, self._settings.remote_poll_s))
        await asyncio.gather(*map(self._follow, sources))

    async def _follow(self, source: Callable[[], AsyncGenerator[None]]) -> None:
        """Refresh whenever `source` tells of a change, until it ends."""
        while True:
            try:
                async with aclosing(source()) as changes:
                    async for _ in changes:
                        await self._refresh()
                return
            except Exception:  # the watch must outlive what nobody foresaw
                logger.exception("changes are looked for again in %g s", _FETCH_AGAIN_S)
                await asyncio.sleep(_FETCH_AGAIN_S)

    async def _refresh(self) -> None:
        try:
            while await self._repository.refresh():  # noqa: ASYNC110 — files tell no event
                await asyncio.sleep(_AGAIN_S)
        except ServiceError as error:
            logger.error("the models stay as they are: %s", error.message)
        except Exception:  # the watch goes on
            logger.exception("the models stay as they are")
