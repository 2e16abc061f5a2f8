"""What all tasks share: the repository, the decoding threads, shadow traffic and deadlines."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TypeVar

from service.batching.decoders import Decoders
from service.engine.shadow import ShadowTraffic
from service.repository import readiness
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
        """Whether no model is loading."""
        return readiness.is_settled(self.repository)

    def missing(self) -> dict[str, str]:
        """The required models that are not ready, each with the reason; empty when all are."""
        if self._closing:
            return {"*": "the service is shutting down"}
        return readiness.missing(self.repository, self.settings)

    def in_time(self, work: Awaitable[T], timeout_s: float | None = None) -> Awaitable[T]:
        """Await `work` within the service's timeout, or the request's own where that is shorter.

        Raises:
            DeadlineExceeded: it took longer, and was cancelled.
        """
        longest_s = self.settings.request_timeout_s
        return before_deadline(min(timeout_s or longest_s, longest_s), work)
