"""One export being served: loaded and proven, its batchers, and what became of it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final, Literal

from service import runtimes
from service.batching.batcher import Batcher, BatchFunction
from service.batching.images import ImageBatches
from service.batching.texts import MOST_TOKENS, TextBatches
from service.errors import InvalidExport, NotReady, ServiceError
from service.exports.folder import Export
from service.loading import goldens, warmup
from service.loading.goldens import Loaded
from service.manifest import Manifest
from service.observability import metrics
from service.observability.statistics import Statistics
from service.preprocessing.tokenizer import Tokenizer
from service.runtimes import Function, RuntimeName, Tensors
from service.settings import RunOptions, Settings

logger = logging.getLogger(__name__)

_QUICK_S: Final = 0.003
"""A model whose largest batch is quicker runs on the event loop: two threads that both need the
interpreter cost more, and nobody waits longer than for a few requests of others.
"""

State = Literal["unloaded", "loading", "ready", "unloading", "failed"]


class Model:
    """One version of one export and its life: loaded and unloaded, or failed.

    Its methods are called on one event loop.
    """

    def __init__(
        self, export: Export, settings: Settings, options: RunOptions | None = None
    ) -> None:
        self.export = export
        self.state: State = "unloaded"
        self.reason = "not loaded yet"
        """Why it is in this state: the choice made, or what went wrong."""
        self.loaded: Loaded | None = None
        self.ready_at: float | None = None
        """When it became ready, in seconds since 1970."""
        self.used_at = 0.0
        """When it was last asked, by the clock of `time.monotonic`."""
        self.options = options or settings.run_options(export.name)
        """Where and how it runs."""
        self.runtime_before: RuntimeName | None = None
        """What runs the version whose place it is to take, if there is one."""
        self.statistics = Statistics()
        """What it has done since it was found."""
        self._settings = settings
        self._promised = _promised(export)
        self._batchers: dict[str, Batcher[Any, Any]] = {}
        self._labels = (export.name, str(export.version))
        self._changing = asyncio.Lock()
        self._leases = 0
        self._idle = asyncio.Event()
        self._idle.set()

    def queue(self) -> None:
        """Say that it will be loaded soon."""
        self.state, self.reason = "loading", "waits for its turn"

    def refuse(self, reason: str) -> None:
        """Say why it cannot be loaded."""
        self.state, self.reason = "failed", reason
        metrics.LOAD_FAILURES.labels(*self._labels).inc()
        logger.error("%s/%d failed to load: %s", self.export.name, self.export.version, reason)

    async def load(self) -> None:
        """Load, prove and warm the model; a failure is kept as its state, never raised."""
        async with self._changing:
            if self.state != "ready":
                await self._load()

    async def _load(self) -> None:
        started = time.perf_counter()
        self.state, self.reason = "loading", "being loaded"
        try:
            loaded, functions = await asyncio.to_thread(self._prepare)
        except ServiceError as error:
            self.refuse(error.message)
        except Exception as error:
            logger.exception("%s/%d: unexpected", self.export.name, self.export.version)
            self.refuse(f"{type(error).__name__}: {error}")
        else:
            self._batchers = {
                name: self._batcher(name, each, loaded.is_isolated)
                for name, each in functions.items()
            }
            self._become_ready(loaded, time.perf_counter() - started)

    async def unload(self, reason: str, patience_s: float | None = None) -> None:
        """Wait until nobody holds it, answer what waits, then free the model's memory.

        Those who still hold it after `patience_s` seconds are no longer waited for.
        """
        self.state, self.reason = "unloading", f"{reason}: its last requests are being answered"
        try:
            await asyncio.wait_for(self._idle.wait(), patience_s)
        except TimeoutError:
            name = f"{self.export.name}/{self.export.version}"
            logger.warning("%s is unloaded while %d requests hold it", name, self._leases)
        async with self._changing:
            await asyncio.gather(*(batcher.close() for batcher in self._batchers.values()))
            self._batchers.clear()
            self.loaded = None
            self.state, self.reason = "unloaded", reason

    def hold(self) -> None:
        """Keep the model from being unloaded until `release`."""
        self._leases += 1
        self.used_at = time.monotonic()
        self._idle.clear()

    def release(self) -> None:
        """Undo one `hold`."""
        self._leases -= 1
        if not self._leases:
            self._idle.set()

    @property
    def is_held(self) -> bool:
        """Whether somebody uses it now."""
        return self._leases > 0

    @property
    def queued(self) -> int:
        """Rows that wait, of all signatures."""
        return sum(batcher.queued for batcher in self._batchers.values())

    @property
    def manifest(self) -> Manifest | None:
        """What the model promises; None where that is not known before it is loaded."""
        return self._promised if self.loaded is None else self.loaded.manifest

    @property
    def tokenizer(self) -> Tokenizer | None:
        """How it reads texts; None where it takes none, or is not loaded."""
        return None if self.loaded is None else self.loaded.tokenizer

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

    async def run(self, signature: str, rows: Sequence[Any], priority: int = 0) -> list[Any]:
        """The answers of a signature to `rows`; an exception stands for a row that failed.

        Rows of priority 1 go before those of 2, and so on; those of 0 go last.

        Raises:
            Overloaded: too many rows wait for this model.
            NotReady: the model was unloaded meanwhile.
        """
        if self.loaded is None:
            self.ready_manifest()
        return await self._batchers[signature].submit(rows, priority)

    def _prepare(self) -> tuple[Loaded, dict[str, list[BatchFunction[Any, Any]]]]:
        loaded = goldens.load(self.export, self.options)
        if loaded.failures and self.runtime_before not in (None, loaded.runtime):
            raise InvalidExport(
                f"it runs on {loaded.runtime} alone, and the version in service on "
                f"{self.runtime_before}: {'; '.join(loaded.failures)}"
            )
        for program in loaded.programs:
            warmup.replay(self.export.path, program, loaded.manifest.signatures)
        functions = {
            name: [
                self._batch_function(loaded.manifest, name, function)
                for program in loaded.programs
                for function in runtimes.lanes(program[name])
            ]
            for name in loaded.manifest.signatures
        }
        return loaded, functions

    def _batch_function(
        self, manifest: Manifest, name: str, function: Function
    ) -> BatchFunction[Any, Any]:
        batches = _batches(manifest, name, function, self._settings.max_batch_size)
        if batches is None:
            return partial(_one_by_one, function)
        batches.warm()
        return batches

    def _batcher(
        self, name: str, functions: list[BatchFunction[Any, Any]], is_isolated: bool
    ) -> Batcher[Any, Any]:
        batches = [each for each in functions if isinstance(each, ImageBatches | TextBatches)]
        texts = [each for each in batches if isinstance(each, TextBatches)]
        images = [each.most_rows for each in batches if isinstance(each, ImageBatches)]
        return Batcher(
            functions,
            name=f"{self.export.name}-{name}",
            max_batch_size=min(images, default=self._settings.max_batch_size) if batches else 1,
            max_queue=self._settings.max_queue,
            weigh=texts[0].weigh if texts else None,
            max_weight=MOST_TOKENS,
            on_loop=len(functions) == 1
            and not is_isolated
            and any(each.batch_seconds < _QUICK_S for each in batches),
            observe_batch=self._observer(),
            observe_request=self.statistics.request,
        )

    def _observer(self) -> Callable[[int, float], None]:
        rows_of_batches = metrics.BATCH_ROWS.labels(*self._labels)

        def observe(rows: int, seconds: float) -> None:
            rows_of_batches.observe(rows)
            self.statistics.batch(rows, seconds)

        return observe

    def _become_ready(self, loaded: Loaded, seconds: float) -> None:
        self.loaded, self.ready_at = loaded, time.time()
        metrics.LOAD_SECONDS.observe(seconds)
        on_loop = all(batcher.on_loop for batcher in self._batchers.values())
        where = "the event loop" if on_loop else "a thread of their own"
        self.state, self.reason = "ready", f"{loaded.reason}; batches run on {where}"
        metrics.QUEUED_ROWS.labels(*self._labels).set_function(lambda: self.queued)
        metrics.IN_FLIGHT.labels(*self._labels).set_function(lambda: self._leases)
        if loaded.golden_error is not None:
            metrics.GOLDEN_ERROR.labels(*self._labels).set(loaded.golden_error)
        logger.info(
            "%s/%d is ready after %.2f s: %s on %s in %s, golden error %s (%s)",
            *(self.export.name, self.export.version, seconds),
            *(loaded.runtime, ",".join(map(str, loaded.devices)), loaded.precision),
            "unknown" if loaded.golden_error is None else f"{loaded.golden_error:.2g}",
            self.reason,
        )


def _batches(
    manifest: Manifest, name: str, function: Function, max_batch_size: int
) -> ImageBatches | TextBatches | None:
    """What runs a signature whose inputs may share a run; None where they may not."""
    signature = manifest.signatures[name]
    if signature.task == "infer":
        return None
    if "images" in signature.inputs and manifest.image is not None:
        [output] = signature.outputs
        return ImageBatches(function, manifest.image, max_batch_size, output)
    if manifest.text is not None:
        return TextBatches(function, signature, manifest.text, max_batch_size)
    return None


def _promised(export: Export) -> Manifest | None:
    """The manifest, where it can be read; loading says what is wrong with it."""
    if export.is_foreign:
        return None
    try:
        return goldens.read_manifest(export)
    except ServiceError:
        return None


def _one_by_one(function: Function, rows: Sequence[Tensors]) -> list[Tensors]:
    # What the rows of a foreign signature mean is not known, so its calls are never merged.
    return [function(row) for row in rows]
