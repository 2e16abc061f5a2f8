"""What all tasks stand on: the models, the threads that decode, shadow traffic, deadlines."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TypeVar

from service.batching.decoders import Decoders
from service.engine.shadow import ShadowTraffic
from service.repository.deadline import before_deadline
from service.repository.model import Model
from service.repository.repository import Repository
from service.repository.sync import ModelSync
from service.settings import Settings

T = TypeVar("T")


class Engine:
    """All models of the service. Its methods are called on one event loop."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.repository = Repository(settings)
        self._sync = ModelSync(self.repository, settings)
        self._closing = False
        self.decoders = Decoders(settings.max_queue)
        self.shadow = ShadowTraffic(self.repository, settings.request_timeout_s)

    async def start(self) -> None:
        """Find the models and begin to load them; returns before they are ready.

        Raises:
            InvalidExport: the folder of models is not there.
            InvalidPlan: models.yaml does not say what it must.
        """
        await self._sync.start()

    async def close(self) -> None:
        """Refuse new work, finish what waits, free the models."""
        self._closing = True
        await self._sync.close()
        self.shadow.close()
        await self.repository.close()
        self.decoders.close()

    @property
    def models(self) -> list[Model]:
        """Every version known, by name, the newest first, ready or not."""
        return self.repository.models

    @property
    def is_settled(self) -> bool:
        """Whether nothing is being loaded."""
        loading = any(each.state == "loading" for each in self.models)
        return not loading and not self.repository.waits_for

    def missing(self) -> dict[str, str]:
        """The required models that are not ready, each with the reason; empty when all are."""
        if self._closing:
            return {"*": "the service is shutting down"}
        if waits_for := self.repository.waits_for:
            return {"*": waits_for}
        required, all_versions = self.settings.required_models, self.repository.all_versions
        if required is None and not all_versions:
            return {"*": f"there are no models in {self.settings.models_shown}"}
        # A model that comes later is not awaited: if it fails, the others keep getting requests.
        awaited = [each for each in all_versions.values() if each.is_awaited] or list(
            all_versions.values()
        )
        # A model that an operator unloaded is missed only where it is required by name.
        names = [each.name for each in awaited if not each.is_closed]
        reasons = {
            name: self._why_not_ready(name) for name in (names if required is None else required)
        }
        return {name: reason for name, reason in reasons.items() if reason is not None}

    def _why_not_ready(self, name: str) -> str | None:
        versions = self.repository.all_versions.get(name)
        if versions is None:
            return f"not found in {self.settings.models_shown}"
        if not versions.models:
            return "its plan in models.yaml wants none of the versions that there are"
        if versions.is_servable and not versions.is_closed:
            return None
        model = versions.pick()
        return f"{model.state}: {model.reason}"

    def in_time(self, work: Awaitable[T], timeout_s: float | None = None) -> Awaitable[T]:
        """Await `work` within the service's timeout, or the request's own where that is shorter.

        Raises:
            DeadlineExceeded: it took longer, and was cancelled.
        """
        longest_s = self.settings.request_timeout_s
        return before_deadline(min(timeout_s or longest_s, longest_s), work)
