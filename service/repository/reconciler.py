"""Brings the models in service to what the folder holds and the plans want."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence

from service.exports.folder import Export
from service.machine import memory
from service.repository.loader import Loader
from service.repository.model import Model
from service.repository.plans.plan import Plans
from service.repository.versions import ModelVersions, answers
from service.settings import Settings

logger = logging.getLogger(__name__)


class Reconciler:
    """Compares each model's versions with its plan, loads what is missing, retires the rest.

    Its methods are called on one event loop, `update` and `reconcile` one at a time.
    """

    def __init__(self, settings: Settings, all_versions: dict[str, ModelVersions]) -> None:
        self.leaving: dict[Model, asyncio.Task[None]] = {}
        """Versions that are no longer served and answer their last requests."""
        self.loader = Loader(settings, all_versions, lambda: self.models)
        self._settings = settings
        self._all_versions = all_versions
        self._unmet: list[str] = []

    @property
    def models(self) -> list[Model]:
        """Every version known, by name, the newest first; last those that are leaving."""
        staying = [model for versions in self._all_versions.values() for model in versions.models]
        return [*staying, *self.leaving]

    @property
    def is_lazy(self) -> bool:
        return self._settings.loading == "lazy" or self._settings.memory_budget_mb is not None

    def is_eager(self, versions: ModelVersions) -> bool:
        return not self.is_lazy or versions.plan.pinned

    def update(self, found: Mapping[str, Sequence[Export]], plans: Plans) -> list[ModelVersions]:
        """Note the exports found and the plans; gives the models for which either changed."""
        if (unmet := plans.unmet(found)) != self._unmet:
            self._unmet = unmet
            if unmet:
                logger.warning("models.yaml plans models that are not there: %s", ", ".join(unmet))
        changed = []
        for name in dict.fromkeys([*found, *self._all_versions]):
            versions = self._all_versions.setdefault(name, ModelVersions(name, self._settings))
            exports, plan = found.get(name, ()), plans.of(name)
            if (versions.exports, versions.written) != (exports, plan):
                versions.exports = exports
                if versions.written != plan:
                    # What was changed by hand holds until the file says something else.
                    versions.written = versions.plan = plan
                changed.append(versions)
        return changed

    def announce(self, versions: ModelVersions) -> None:
        """Show the versions that are to be loaded, before it is their turn."""
        newest = versions.candidates()[: versions.plan.versions.count]
        for export in [*newest, *versions.labelled()]:
            model = versions.model(export)
            if self.is_eager(versions):
                model.queue()
        versions.move_labels()

    async def reconcile(self, versions: ModelVersions) -> None:
        """Bring one model to the versions that its plan wants, of those that load."""
        tried = [await self.ensure(versions, export) for export in versions.labelled()]
        newest: list[Model] = []
        for export in versions.candidates():
            if sum(map(answers, newest)) == versions.plan.versions.count:
                break
            newest.append(await self.ensure(versions, export))
        tried += newest
        versions.move_labels()
        versions.warn_of_labels()
        tried += _still_labelled(versions, tried)
        is_served = any(map(answers, tried)) or not versions.exports
        for model in [each for each in versions.models if each not in tried]:
            if is_served or model.state != "ready":
                versions.models.remove(model)
                self.leaving[model] = asyncio.create_task(self._retire(model))
        if not versions.exports:
            del self._all_versions[versions.name]

    async def ensure(self, versions: ModelVersions, export: Export) -> Model:
        """The model of an export, loaded unless it is, cannot be, or waits to be asked."""
        model = versions.model(export)
        is_left = answers(model) and not self.is_eager(versions)
        if versions.is_closed or is_left or model.state in ("ready", "failed"):
            return model
        if versions.is_half_written(export):
            model.refuse("it has no manifest, and the version in service has: is it half a copy?")
        else:
            await self.loader.load(model)
            versions.move_labels()
        return model

    async def _retire(self, model: Model) -> None:
        """Unload a version that is no longer served, after its last request."""
        await self.loader.wait(model)
        await model.unload("no longer served", self._settings.request_timeout_s)
        del self.leaving[model]
        self.loader.publish(model)
        logger.info("%s/%d is unloaded", model.export.name, model.export.version)
        await asyncio.to_thread(memory.trim)


def _still_labelled(versions: ModelVersions, tried: Sequence[Model]) -> list[Model]:
    """Who has a label whose planned version does not answer; it stays."""
    able = {model.export.version for model in tried if answers(model)}
    kept = set(versions.labels.values()) - able
    return [each for each in versions.models if each.export.version in kept and each not in tried]
