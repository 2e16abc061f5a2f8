"""One export being served: loaded and proven, its batchers, and what became of it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from functools import partial
from typing import Any, Final, Literal

from service import golden, metrics
from service.batching import Batcher, Worker
from service.classification import Classifier
from service.errors import NotReady, ServiceError
from service.golden import Loaded
from service.manifest import Manifest
from service.runtimes import Program, Tensors
from service.settings import Settings
from service.store import Export

logger = logging.getLogger(__name__)

_QUICK_S: Final = 0.003
"""A model whose largest batch is quicker runs on the event loop: two threads that both need the
interpreter cost more, and nobody waits longer than for a few requests of others.
"""

State = Literal["loading", "ready", "failed"]


class Model:
    """An export and its life: loading, then ready or failed."""

    def __init__(self, export: Export, settings: Settings) -> None:
        self.export = export
        self.state: State = "loading"
        self.reason = "not loaded yet"
        """Why it is in this state: the choice made, or what went wrong."""
        self.loaded: Loaded | None = None
        self.ready_at: float | None = None
        """When it became ready, in seconds since 1970."""
        self._settings = settings
        self._promised = _promised(export)
        self._batchers: dict[str, Batcher[Any, Any]] = {}
        self._labels = (export.name, str(export.version))

    async def load(self) -> None:
        """Load, prove and warm the model; a failure is kept as its state, never raised."""
        started = time.perf_counter()
        metrics.MODEL_READY.labels(*self._labels).set(0)
        try:
            loaded, workers = await asyncio.to_thread(self._prepare)
        except ServiceError as error:
            self._fail(error.message)
        except Exception as error:
            logger.exception("%s/%d: unexpected", self.export.name, self.export.version)
            self._fail(f"{type(error).__name__}: {error}")
        else:
            self._batchers = {name: self._batcher(name, each) for name, each in workers.items()}
            self._become_ready(loaded, time.perf_counter() - started)

    async def close(self) -> None:
        """Answer what waits, then free the model's memory."""
        self.state, self.reason = "failed", "unloaded"
        metrics.MODEL_READY.labels(*self._labels).set(0)
        await asyncio.gather(*(batcher.close() for batcher in self._batchers.values()))
        self._batchers.clear()
        self.loaded = None

    @property
    def queued(self) -> int:
        """Rows that wait, of all signatures."""
        return sum(batcher.queued for batcher in self._batchers.values())

    @property
    def manifest(self) -> Manifest | None:
        """What the model promises; None where that is not known before it is loaded."""
        return self._promised if self.loaded is None else self.loaded.manifest

    def ready_manifest(self) -> Manifest:
        """What the model promises, when it can answer.

        Raises:
            NotReady: the model is loading or failed; says which and why.
        """
        if self.loaded is None or self.state != "ready":
            raise NotReady(
                f"the model '{self.export.name}' is not ready ({self.state}): {self.reason}"
            )
        return self.loaded.manifest

    async def run(self, signature: str, rows: Sequence[Any]) -> list[Any]:
        """The answers of a signature to `rows`; an exception stands for a row that failed.

        Raises:
            Overloaded: too many rows wait for this model.
            NotReady: the model was unloaded meanwhile.
        """
        self.ready_manifest()
        return await self._batchers[signature].submit(rows)

    def _prepare(self) -> tuple[Loaded, dict[str, list[Worker[Any, Any]]]]:
        options = self._settings.run_options(self.export.name)
        loaded = golden.load(self.export, options)
        workers = {
            name: [self._worker(loaded.manifest, program, name) for program in loaded.programs]
            for name in loaded.manifest.signatures
        }
        return loaded, workers

    def _worker(self, manifest: Manifest, program: Program, name: str) -> Worker[Any, Any]:
        if manifest.signatures[name].task == "classify" and manifest.image is not None:
            classifier = Classifier(program[name], manifest.image, self._settings.max_batch_size)
            classifier.warm()
            return classifier
        return partial(_one_by_one, program, name)

    def _batcher(self, name: str, workers: list[Worker[Any, Any]]) -> Batcher[Any, Any]:
        classifiers = [worker for worker in workers if isinstance(worker, Classifier)]
        return Batcher(
            workers,
            name=f"{self.export.name}-{name}",
            max_batch_size=self._settings.max_batch_size if classifiers else 1,
            max_queue=self._settings.max_queue,
            on_loop=len(workers) == 1
            and any(each.batch_seconds < _QUICK_S for each in classifiers),
            observe=metrics.BATCH_ROWS.labels(*self._labels).observe,
        )

    def _become_ready(self, loaded: Loaded, seconds: float) -> None:
        self.loaded, self.ready_at = loaded, time.time()
        on_loop = all(batcher.on_loop for batcher in self._batchers.values())
        where = "the event loop" if on_loop else "a thread of their own"
        self.state, self.reason = "ready", f"{loaded.reason}; batches run on {where}"
        metrics.MODEL_READY.labels(*self._labels).set(1)
        metrics.QUEUED_ROWS.labels(*self._labels).set_function(lambda: self.queued)
        if loaded.golden_error is not None:
            metrics.GOLDEN_ERROR.labels(*self._labels).set(loaded.golden_error)
        logger.info(
            "%s/%d is ready after %.2f s: %s on %s in %s, golden error %s (%s)",
            *(self.export.name, self.export.version, seconds),
            *(loaded.runtime, ",".join(map(str, loaded.devices)), loaded.precision),
            "unknown" if loaded.golden_error is None else f"{loaded.golden_error:.2g}",
            self.reason,
        )

    def _fail(self, reason: str) -> None:
        self.state, self.reason = "failed", reason
        logger.error("%s/%d failed to load: %s", self.export.name, self.export.version, reason)


def _promised(export: Export) -> Manifest | None:
    """The manifest, where it can be read; loading says what is wrong with it."""
    if export.is_foreign:
        return None
    try:
        return golden.read_manifest(export)
    except ServiceError:
        return None


def _one_by_one(program: Program, name: str, rows: Sequence[Tensors]) -> list[Tensors]:
    # What the rows of a foreign signature mean is not known, so its calls are never merged.
    return [program[name](row) for row in rows]
