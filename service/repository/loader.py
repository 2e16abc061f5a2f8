"""Loads models one after another, and tells the metrics which versions are ready."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

from service.observability import metrics
from service.repository.eviction import Eviction
from service.repository.model import Model
from service.repository.versions import ModelVersions
from service.settings import Settings


class Loader:
    """The loads of one repository. Its methods are called on one event loop."""

    def __init__(
        self,
        settings: Settings,
        all_versions: Mapping[str, ModelVersions],
        models: Callable[[], Sequence[Model]],
    ) -> None:
        """`all_versions` by the model's name; `models` also has those that leave."""
        self._all_versions = all_versions
        self._models = models
        self._eviction = Eviction(settings.memory_budget_mb)
        self._tasks: dict[Model, asyncio.Task[None]] = {}
        self._one_at_a_time = asyncio.Lock()
        self._closing = False

    async def load(self, model: Model) -> None:
        """Load a model, once for all who wait for it; it goes on when one of them leaves."""
        task = self._tasks.get(model)
        if task is None:
            task = self._tasks[model] = asyncio.create_task(self._load(model))
            task.add_done_callback(lambda _: self._tasks.pop(model, None))
        await asyncio.shield(task)

    async def wait(self, model: Model) -> None:
        """Wait until a load of this model ends, if there is one."""
        if (task := self._tasks.get(model)) is not None:
            await asyncio.wait([task])

    def close(self) -> None:
        """Begin no further load; `drain` waits for the one that goes on."""
        self._closing = True

    async def drain(self) -> None:
        """Wait until every load has ended."""
        await asyncio.gather(*self._tasks.values())

    def publish(self, model: Model) -> None:
        """Tell the metrics whether this version is ready; a version that is gone is forgotten."""
        twins = [each for each in self._models() if each.export.path == model.export.path]
        labels = model.export.name, str(model.export.version)
        if twins:
            metrics.MODEL_READY.labels(*labels).set(any(each.state == "ready" for each in twins))
        else:
            metrics.forget(*labels)

    async def _load(self, model: Model) -> None:
        # One after another: a load uses all cores, and the first is ready sooner.
        async with self._one_at_a_time:
            if not self._closing and self._is_wanted(model):
                await self._eviction.load(model, self._models, self._is_pinned)
        self.publish(model)

    def _is_wanted(self, model: Model) -> bool:
        """Whether a version still has to be loaded, now that it is its turn."""
        versions = self._all_versions.get(model.export.name)
        return versions is not None and model in versions.models and not versions.is_closed

    def _is_pinned(self, model: Model) -> bool:
        versions = self._all_versions.get(model.export.name)
        return versions is not None and versions.plan.pinned
