"""New versions under load: does a request fail, and does the memory of the old ones come back?

    python -m benchmarks.reloads --cycles 200

LeNet-5 and an MLP are asked without a pause while, cycle after cycle, a new version of each appears
(a copy, written aside and renamed) and the old one is deleted: every other time once the new one
answers, else at once. The table shows failed requests, how long a change took, and the memory of
the service with its child processes after the first cycles and after the last.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean, quantiles
from tempfile import TemporaryDirectory
from typing import Any, Final

import httpx

from benchmarks import callers
from benchmarks.running import Running, lutrin
from benchmarks.workloads import digit

_ROOT: Final = Path(__file__).parent.parent
_MODELS: Final = ("mnist-lenet5", "mnist-mlp")
_CONNECTIONS: Final = 8
_AHEAD: Final = 4
"""Cycles for which copies are made ahead: the service waits until a copy's files are at rest."""
_WARM: Final = 5
"""Cycles before the memory counts: the first ones fill what is kept for those after them."""
_SPAN: Final = 3
"""Cycles whose memory is averaged."""
_PATIENCE_S: Final = 60.0


@dataclass
class Run:
    """What came of a run."""

    seen: callers.Seen = field(default_factory=callers.Seen)
    change_s: list[float] = field(default_factory=list)
    """By cycle, from the new version's appearance until it is the only one there."""
    resident_mb: list[float] = field(default_factory=list)
    """By cycle, the memory after it."""

    @property
    def start_mb(self) -> float:
        """The memory after the first cycles."""
        return mean(self.resident_mb[_WARM : _WARM + _SPAN])

    @property
    def end_mb(self) -> float:
        """The memory after the last cycles."""
        return mean(self.resident_mb[-_SPAN:])


def main() -> None:
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser("python -m benchmarks.reloads", description=__doc__)
    parser.add_argument("--cycles", type=int, default=200)
    parser.add_argument("--runtime", choices=["auto", "openvino", "tensorflow"], default="auto")
    parser.add_argument("--isolation", choices=["auto", "always", "never"], default="auto")
    given = parser.parse_args()
    result = run(given.cycles, RUNTIME=given.runtime, ISOLATION=given.isolation)
    print(_table(result))
    if result.seen.failures or result.end_mb > 1.1 * result.start_mb:
        sys.exit(1)


def run(cycles: int, **settings: str) -> Run:
    """Reload the models `cycles` times, in a service with `settings`, while they are asked."""
    with TemporaryDirectory() as folder:
        models_dir = Path(folder)
        for version in range(1, _AHEAD + 1):
            _write_aside(models_dir, version)
        _appear(models_dir, 1)
        with lutrin(**settings, MODELS_DIR=folder) as server:
            return asyncio.run(_under_load(server, models_dir, cycles))


async def _under_load(server: Running, models_dir: Path, cycles: int) -> Run:
    result, image, end = Run(), digit(), asyncio.Event()
    urls = [f"{server.url}/v1/classify?model={name}" for name in _MODELS]
    asking = [
        asyncio.create_task(callers.ask(urls[number % len(urls)], image, result.seen, end))
        for number in range(_CONNECTIONS)
    ]
    async with httpx.AsyncClient(base_url=server.url, timeout=_PATIENCE_S) as client:
        for version in range(2, cycles + 2):
            await asyncio.to_thread(_write_aside, models_dir, version + _AHEAD - 1)
            started = time.perf_counter()
            await _replace(client, models_dir, version)
            result.change_s.append(time.perf_counter() - started)
            result.resident_mb.append(server.resident_mb)
    end.set()
    await asyncio.gather(*asking)
    return result


async def _replace(client: httpx.AsyncClient, models_dir: Path, version: int) -> None:
    """Put a version in the place of the one before, and wait until the service has done so."""
    _appear(models_dir, version)
    if version % 2:
        await _until(client, lambda model: model["version"] == version)
    for name in _MODELS:
        await asyncio.to_thread(shutil.rmtree, models_dir / name / str(version - 1))
    await _until(client, lambda model: [each["version"] for each in model["versions"]] == [version])


async def _until(client: httpx.AsyncClient, holds: Any) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        models = (await client.get("/v1/models")).json()["data"]
        if all(model["state"] == "ready" and holds(model) for model in models):
            return
        if time.monotonic() > deadline:
            raise SystemExit(f"the service does not follow its folder: {models}")
        await asyncio.sleep(0.05)


def _write_aside(models_dir: Path, version: int) -> None:
    for name in _MODELS:
        newest = max((_ROOT / "models" / name).iterdir(), key=lambda folder: int(folder.name))
        shutil.copytree(newest, models_dir / ".aside" / name / str(version))


def _appear(models_dir: Path, version: int) -> None:
    for name in _MODELS:
        (models_dir / name).mkdir(exist_ok=True)
        (models_dir / ".aside" / name / str(version)).rename(models_dir / name / str(version))


def _table(result: Run) -> str:
    times = quantiles(result.seen.milliseconds, n=100)
    changes = quantiles(result.change_s, n=100)
    rows = {
        "cycles": f"{len(result.change_s)} of {len(_MODELS)} models",
        "requests": f"{len(result.seen.milliseconds)} over {_CONNECTIONS} connections",
        "failed": f"{len(result.seen.failures)}",
        "answered after: p50, p99, longest": f"{times[49]:.1f}, {times[98]:.1f}, "
        f"{max(result.seen.milliseconds):.0f} ms",
        "a change took: p50, p99": f"{changes[49]:.2f}, {changes[98]:.2f} s",
        "memory after the first cycles": f"{result.start_mb:.1f} MB",
        "memory at its highest": f"{max(result.resident_mb):.1f} MB",
        "memory after the last cycles": f"{result.end_mb:.1f} MB, "
        f"{result.end_mb / result.start_mb - 1:+.1%}",
    }
    lines = [f"| {title} | {value} |" for title, value in rows.items()]
    return "\n".join(["| | |", "| --- | --- |", *lines, *result.seen.failures[:20]])


if __name__ == "__main__":
    main()
