"""Shadow traffic: repeats calls to a shadow version in the background and compares answers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from service import runtimes
from service.engine.predictions import Probabilities
from service.engine.vectors import Vectors
from service.errors import InvalidInput, ServiceError, UnsupportedTask
from service.manifest import ImageInput
from service.observability import metrics
from service.repository.comparison import Comparison
from service.repository.lease import Lease
from service.repository.model import Model
from service.repository.repository import Repository
from service.repository.traffic import Traffic
from service.runtimes import Tensors

logger = logging.getLogger(__name__)

Run: TypeAlias = Callable[[Model, str, Tensors, int], Awaitable[Tensors]]
"""Runs a signature of a model on tensors, at a priority."""
Classify: TypeAlias = Callable[[Model, str, ImageInput], Awaitable[list[Probabilities]]]
"""Classifies the images of a request by a signature of a model."""

_MOST: Final = 16
"""Calls that shadows work on at a time; while there are so many, further ones are dropped."""


class ShadowTraffic:
    """The calls that are repeated to shadows and not answered yet."""

    def __init__(self, repository: Repository, timeout_s: float) -> None:
        self._repository = repository
        self._timeout_s = timeout_s
        self._tasks: set[asyncio.Task[None]] = set()

    def close(self) -> None:
        """Give up what is still being asked."""
        for task in self._tasks:
            task.cancel()

    def infer(
        self, lease: Lease, signature: str, inputs: Tensors, answer: Tensors, run: Run
    ) -> None:
        """Ask the shadow of a lease for the same tensors; returns at once."""

        async def ask(model: Model, comparison: Comparison) -> int:
            manifest = model.ready_manifest()
            spec = manifest.signatures.get(signature)
            if spec is None:
                raise InvalidInput(f"the shadow has no signature '{signature}'")
            runtimes.check(inputs, spec.inputs, shapes=spec.checks_shapes)
            theirs = await run(model, signature, inputs, 0)
            ours, labels = lease.manifest.labels, manifest.labels
            if spec.task == "classify" and ours and labels:
                rows, others = list(answer["probabilities"]), list(theirs["probabilities"])
                return comparison.classified(rows, others, ours, labels)
            return comparison.inferred(answer, theirs, manifest.tolerance.float32)

        self._start(lease, ask)

    def classify(
        self,
        lease: Lease,
        answers: Sequence[Probabilities],
        classify: Classify,
    ) -> None:
        """Ask the shadow of a lease to classify the same images; returns at once."""

        async def ask(model: Model, comparison: Comparison) -> int:
            manifest = model.ready_manifest()
            signature = manifest.signature_for("classify")
            ours, theirs = lease.manifest.labels, manifest.labels
            if signature is None or manifest.image is None or ours is None or theirs is None:
                raise UnsupportedTask("the shadow does not classify")
            shadowed = await classify(model, signature, manifest.image)
            return comparison.classified(answers, shadowed, ours, theirs)

        self._start(lease, ask)

    def embed(
        self,
        lease: Lease,
        rows: NDArray[np.float32],
        embed: Callable[[Model], Awaitable[Vectors]],
    ) -> None:
        """Ask the shadow of a lease to embed the same inputs; returns at once."""

        async def ask(model: Model, comparison: Comparison) -> int:
            theirs = await embed(model)
            tolerance = model.ready_manifest().tolerance.float32
            return comparison.inferred({"embeddings": rows}, {"embeddings": theirs.rows}, tolerance)

        self._start(lease, ask)

    def _start(self, lease: Lease, ask: Callable[[Model, Comparison], Awaitable[int]]) -> None:
        traffic = lease.shadowed
        assert traffic is not None  # noqa: S101 — who has no shadow does not come here
        name, label = lease.model.export.name, traffic.shadow
        if len(self._tasks) >= _MOST:
            traffic.comparison.dropped += 1
            _count(name, label, "dropped")
            return
        task = asyncio.create_task(self._ask(name, label, traffic, ask))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _ask(
        self,
        name: str,
        label: str,
        traffic: Traffic,
        ask: Callable[[Model, Comparison], Awaitable[int]],
    ) -> None:
        comparison = traffic.comparison
        try:
            async with asyncio.timeout(self._timeout_s):
                with Lease(await self._repository.bring(name, label=label)) as lease:
                    different = await ask(lease.model, comparison)
        except Exception as error:  # whatever it is, no caller waits for it
            # Once, since a shadow that fails may fail every time.
            level = logging.DEBUG if comparison.failed else logging.WARNING
            unforeseen = not isinstance(error, ServiceError | TimeoutError)
            logger.log(level, "%s: the shadow fails: %s", name, error, exc_info=unforeseen)
            comparison.failed += 1
            _count(name, label, "failed")
        else:
            _count(name, label, "different" if different else "same")


def _count(name: str, label: str, outcome: str) -> None:
    metrics.SHADOW_CALLS.labels(name, label, outcome).inc()
