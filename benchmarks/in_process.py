"""The most that a model gives on this machine: full batches of decoded inputs, without a server."""

from __future__ import annotations

import threading
import time
from typing import Any

from benchmarks.workloads import Workload
from service import runtimes
from service.batching.images import ImageBatches
from service.batching.texts import TextBatches
from service.exports.folder import Export
from service.loading import goldens
from service.runtimes import Function
from service.settings import RunOptions

_BATCH = 32


def rate(workload: Workload, seconds: float) -> float:
    """Rows a second of the model as the service loads it: runtime, precision and lanes alike."""
    task = workload.task
    export = Export(task.model, int(task.export.name), task.export)
    loaded = goldens.load(export, RunOptions())
    rows = [workload.rows[index % len(workload.rows)] for index in range(_BATCH)]
    counts: list[int] = []

    def run(batches: Any, until: float) -> None:
        count = 0
        while time.perf_counter() < until:
            batches(rows)
            count += len(rows)
        counts.append(count)

    functions = runtimes.lanes(loaded.programs[0][task.signature])
    workers = [_batches(loaded.manifest, task.signature, function) for function in functions]
    for batches in workers:
        batches(rows)
    started = time.perf_counter()
    threads = [
        threading.Thread(target=run, args=(batches, started + seconds)) for batches in workers
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / (time.perf_counter() - started)


def _batches(manifest: Any, signature: str, function: Function) -> ImageBatches | TextBatches:
    spec = manifest.signatures[signature]
    if manifest.image is not None and "images" in spec.inputs:
        [output] = spec.outputs
        return ImageBatches(function, manifest.image, _BATCH, output)
    return TextBatches(function, spec, manifest.text, _BATCH)
