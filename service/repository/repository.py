"""The models by name, kept as the folder and the plans say while requests come.

A new version is loaded and proven beside the old one; only then does the old one go, after its
last request. A version that fails never takes traffic, and the old one stays.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Collection, Coroutine, Mapping, Sequence
from functools import partial
from typing import Any, Final, TypeVar

from service.errors import (
    Conflict,
    InvalidInput,
    InvalidPlan,
    LabelNotFound,
    ModelNotFound,
    NotReady,
)
from service.exports import folder
from service.exports.folder import Export
from service.exports.remote.mirror import Mirror
from service.machine import memory
from service.manifest import Modality, Task
from service.observability import metrics
from service.repository.deadline import before_deadline
from service.repository.lease import Lease, lend, lend_by_plan
from service.repository.model import Model
from service.repository.model_spec import ModelSpec
from service.repository.plans import models_file
from service.repository.plans.plan import Plans
from service.repository.reconciler import Reconciler
from service.repository.selection import only_one_for
from service.repository.versions import ModelVersions, answers
from service.settings import Settings

logger = logging.getLogger(__name__)

_T = TypeVar("_T")

_AT_REST_S: Final = 1.0
"""A new export is looked at when none of its files changed for this long: it may be a copy that
still goes on."""


class Repository:
    """Every model of the service. Its methods are called on one event loop."""

    def __init__(self, settings: Settings) -> None:
        address = settings.models_address
        self.mirror = None if address is None else Mirror(address, settings.cache_dir)
        """The local copy of the remote store, where the models come from one."""
        self.problem = ""
        """Why no model could be found, where that was tried."""
        self._settings = settings
        self._find = partial(folder.scan, settings.models_folder, settings.model_name)
        self._has_found = False
        self._plans = Plans()
        self._all_versions: dict[str, ModelVersions] = {}
        self._changes: set[asyncio.Task[Any]] = set()
        self._problem = ""
        self._reconciler = Reconciler(settings, self._all_versions)
        self._changing = asyncio.Lock()
        self._closing = False

    @property
    def all_versions(self) -> Mapping[str, ModelVersions]:
        """The versions of each model, by the model's name."""
        return self._all_versions

    @property
    def models(self) -> list[Model]:
        """Every version known, by name, the newest first; last those that are leaving."""
        return self._reconciler.models

    def versions(self, name: str) -> ModelVersions:
        """The versions of one model.

        Raises:
            ModelNotFound: no model has this name.
        """
        versions = self._all_versions.get(name)
        if versions is None:
            known = ", ".join(self._all_versions) or "none at all"
            raise ModelNotFound(
                f"there is no model '{name[:100]}'; there are: {known}", param="model"
            )
        return versions

    @property
    def waits_for(self) -> str:
        """What must be done before any model is known, or what is wrong; empty when they are."""
        if self._has_found or self.mirror is None:
            return ""
        return self.problem or self.mirror.status or f"fetching {self._settings.models_shown}"

    async def lease(
        self, spec: ModelSpec, task: Task | None = None, modalities: Collection[Modality] = ()
    ) -> Lease:
        """The version that is to answer a request, loaded first where that was left for later.

        A request that names neither version nor label goes where the model's plan sends it. It may
        name no model when exactly one can do `task`, or can embed all of `modalities`.

        Raises:
            ServiceError: there is no such model, version or label, or it is not ready.
        """
        name, version, label, key = spec
        if self._closing:
            raise NotReady("the service is shutting down")
        if waits_for := self.waits_for:
            raise NotReady(f"the models are not here yet: {waits_for}")
        if version is not None and label is not None:
            raise InvalidInput("name a version or a label of the model, not both", param="label")
        if name is None:
            versions = only_one_for(self._all_versions.values(), task, modalities)
        else:
            versions = self.versions(name)
        if version is None and label is None:
            return await self._lease_by_plan(versions, key)
        model = versions.pick(version, label)
        if model.state != "ready":
            model = await self._bring_in_time(versions.name, version, label)
        return lend(versions, model, label) if label else Lease(model)

    async def _lease_by_plan(self, versions: ModelVersions, key: str | None) -> Lease:
        label = versions.choose(key)
        model = versions.pick(label=label)
        if model.state != "ready":
            try:
                model = await self._bring_in_time(versions.name, label=label)
            except (NotReady, LabelNotFound):
                if label is None:
                    raise
                # It failed to load at its first call, or lost its label: fall back to the version
                # that answers the rest.
                label, model = None, await self._bring_in_time(versions.name)
        return lend_by_plan(versions, model, label) if versions.plan.labels else Lease(model)

    async def _bring_in_time(
        self, name: str, version: int | None = None, label: str | None = None
    ) -> Model:
        limit_s = self._settings.request_timeout_s
        return await before_deadline(limit_s, self.bring(name, version, label))

    async def bring(self, name: str, version: int | None = None, label: str | None = None) -> Model:
        """A version that is ready, loaded now where that was left for the first request.

        Raises:
            ModelNotFound: no model has this name.
            VersionNotFound: it has no such version.
            LabelNotFound: it has no version of this label.
            NotReady: it is loading, failed to load, or an operator unloaded it.
        """
        while not self._closing:
            versions = self.versions(name)
            model = versions.pick(version, label)
            waits = model.state == "loading" or answers(model)
            if (
                model.state == "ready"
                or versions.is_closed
                or not (self._reconciler.is_lazy and waits)
            ):
                model.ready_manifest()
                return model
            model.hold()  # until this request has it, it must not give way to another
            try:
                await self._reconciler.loader.load(model)
            finally:
                model.release()
            if model.state == "failed":
                await self._run_to_completion(self._reconcile_in_turn(versions))
        raise NotReady("the service is shutting down")

    async def start(self) -> None:
        """Find the models; `load_all` loads them.

        Raises:
            InvalidExport: the folder of models is not there.
            InvalidPlan: models.yaml does not say what it must.
        """
        self._plans = await asyncio.to_thread(models_file.load, self._settings)
        metrics.PLANS_VALID.set(1)
        found = await asyncio.to_thread(self._find)
        for versions in self._reconciler.update(found, self._plans):
            versions.is_awaited = True
            self._reconciler.announce(versions)
        self._has_found = True

    async def load_all(self) -> None:
        """Load every model that is not left for its first request."""
        async with self._changing:
            for versions in list(self._all_versions.values()):
                if self._reconciler.is_eager(versions):
                    await self._reconciler.reconcile(versions)

    async def refresh(self, *, at_once: bool = False) -> bool:
        """Follow what changed in the folder and in models.yaml.

        Returns whether a part of the folder is still being written, to be looked at again; nothing
        is taken to be where somebody says `at_once`.

        Raises:
            InvalidExport: the folder of models is not there; everything stays as it is.
        """
        async with self._changing:
            await self._read_plans()
            found = await asyncio.to_thread(self._find)
            known = {each for versions in self._all_versions.values() for each in versions.exports}
            now = time.time()
            young = {
                export
                for exports in found.values()
                for export in exports
                # A share whose clock is ahead must not keep its exports out for as long.
                if export not in known and abs(now - export.changed_at) < _AT_REST_S and not at_once
            }
            changed = self._reconciler.update(_without(found, young, known), self._plans)
            for versions in changed:
                if not versions.models:
                    self._reconciler.announce(versions)
            for versions in changed:
                await self._reconciler.reconcile(versions)
            return bool(young)

    async def load(self, name: str) -> None:
        """Load a model by hand, and try again what failed.

        Raises:
            ModelNotFound: the folder has no such model.
            Conflict: none of its versions can be loaded; says why.
        """
        await self._run_to_completion(self._load_by_hand(name))

    async def _load_by_hand(self, name: str) -> None:
        await self.refresh(at_once=True)
        versions = self.versions(name)
        async with self._changing:
            versions.is_closed = False
            for model in versions.models:
                if model.state in ("failed", "unloaded"):
                    model.queue()
            await self._reconciler.reconcile(versions)
        if (model := versions.pick()).state != "ready":
            raise Conflict(f"'{name}' cannot be loaded: {model.reason}")

    async def unload(self, name: str) -> None:
        """Unload every version of a model, after its last request, until it is loaded by hand.

        Raises:
            ModelNotFound: no model has this name.
        """
        await self._run_to_completion(self._unload_by_hand(self.versions(name)))

    async def _unload_by_hand(self, versions: ModelVersions) -> None:
        async with self._changing:
            versions.is_closed = True
            for model in list(versions.models):
                await self._reconciler.loader.wait(model)
                if model.state == "ready":
                    await model.unload("unloaded by an operator", self._settings.request_timeout_s)
                    self._reconciler.loader.publish(model)
        await asyncio.to_thread(memory.trim)

    async def change(self, name: str, **changes: object) -> ModelVersions:
        """Change the plan of a model, until the process ends or models.yaml changes it.

        A label moves when its new version is loaded; nothing changes if that fails.

        Raises:
            ModelNotFound: no model has this name.
            VersionNotFound: a label is to stand for a version that is not in the folder.
            InvalidPlan: the changed plan does not hold together.
            Conflict: a labelled version cannot be loaded.
        """
        return await self._run_to_completion(self._change_by_hand(name, changes))

    async def _change_by_hand(self, name: str, changes: Mapping[str, Any]) -> ModelVersions:
        async with self._changing:
            versions = self.versions(name)
            labels = versions.plan.changed(**changes).labels
            try:
                for label, version in labels.items() - versions.plan.labels.items():
                    model = await self._reconciler.ensure(versions, versions.export(version))
                    if not answers(model):
                        raise Conflict(
                            f"the label '{label}' stays where it is: version {version} of "
                            f"'{name}' cannot be loaded: {model.reason}"
                        )
                # Anew, since a label may have been rolled back meanwhile.
                versions.plan = versions.plan.changed(**changes)
            finally:
                await self._reconciler.reconcile(versions)
        return versions

    async def close(self) -> None:
        """Refuse new work, finish what waits, free the models."""
        self._closing = True
        self._reconciler.loader.close()
        await asyncio.gather(*self._changes, return_exceptions=True)
        await asyncio.gather(self._reconciler.loader.drain(), *self._reconciler.leaving.values())
        reason = "the service is shutting down"
        await asyncio.gather(*(model.unload(reason) for model in self.models))

    async def _read_plans(self) -> None:
        try:
            self._plans = await asyncio.to_thread(models_file.load, self._settings)
            metrics.PLANS_VALID.set(1)
            self._problem = ""
        except InvalidPlan as error:
            metrics.PLANS_VALID.set(0)
            if error.message != self._problem:  # a copy that goes on has it read twice a second
                logger.error("the plans stay as they were: %s", error.message)
            self._problem = error.message

    async def _run_to_completion(self, change: Coroutine[Any, Any, _T]) -> _T:
        """Await a change that goes on when its caller leaves: half of one is nothing planned."""
        task = asyncio.create_task(change)
        self._changes.add(task)
        task.add_done_callback(self._changes.discard)
        return await asyncio.shield(task)

    async def _reconcile_in_turn(self, versions: ModelVersions) -> None:
        async with self._changing:
            if self._all_versions.get(versions.name) is versions:  # else it is gone meanwhile
                await self._reconciler.reconcile(versions)


def _without(
    found: Mapping[str, Sequence[Export]], young: set[Export], known: set[Export]
) -> dict[str, list[Export]]:
    """The exports found; those still being written as they were known before, if they were."""
    before = {export.path: export for export in known}
    result = {}
    for name, exports in found.items():
        rest = [before.get(each.path) if each in young else each for each in exports]
        if kept := [export for export in rest if export is not None]:
            result[name] = kept
    return result
