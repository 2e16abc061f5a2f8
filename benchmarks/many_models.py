"""Hundreds of models under a budget of memory: does a request fail, and what does a cold one cost?

    python -m benchmarks.many_models --models 300 --budget-mb 1000 --seconds 60

Copies of LeNet-5 are asked with Zipf's law: the k-th most popular model is asked 1/k as often as
the first. The table shows failed requests, the memory at its highest, and how long a request takes
whose model is loaded already, and one whose model must be loaded first.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import httpx
import numpy as np
from numpy.typing import NDArray

from benchmarks.running import Running, lutrin

_ROOT: Final = Path(__file__).parent.parent
_IMAGE: Final = _ROOT / "docs" / "seven.png"


@dataclass
class Seen:
    """What the callers saw."""

    seconds: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


def main() -> None:
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser("python -m benchmarks.many_models", description=__doc__)
    parser.add_argument("--models", type=int, default=300)
    parser.add_argument("--budget-mb", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--connections", type=int, default=4)
    given = parser.parse_args()
    with TemporaryDirectory() as folder:
        for number in range(given.models):
            copy = Path(folder) / f"lenet-{number:03}" / "1"
            shutil.copytree(_ROOT / "models" / "mnist-lenet5" / "1", copy)
        settings = {"MODELS_DIR": folder, "MEMORY_BUDGET_MB": str(given.budget_mb)}
        with lutrin(**settings) as server:
            seen, highest_mb = _load(server, given.models, given.connections, given.seconds)
            loads = _loads(server)
    _report(seen, highest_mb, loads, given.budget_mb)
    if seen.failures:
        sys.exit(1)


def _load(server: Running, models: int, connections: int, seconds: float) -> tuple[Seen, float]:
    seen, end = Seen(), time.monotonic() + seconds
    shares = 1 / np.arange(1, models + 1)
    callers = [
        threading.Thread(target=_ask, args=(server.url, seed, shares / shares.sum(), end, seen))
        for seed in range(connections)
    ]
    for caller in callers:
        caller.start()
    highest_mb = 0.0
    while any(caller.is_alive() for caller in callers):
        highest_mb = max(highest_mb, server.resident_mb)
        time.sleep(0.05)
    return seen, highest_mb


def _ask(url: str, seed: int, shares: NDArray[np.float64], end: float, seen: Seen) -> None:
    random = np.random.default_rng(seed)
    image = _IMAGE.read_bytes()
    with httpx.Client(base_url=url, timeout=60, headers={"content-type": "image/png"}) as client:
        while time.monotonic() < end:
            name = f"lenet-{random.choice(len(shares), p=shares):03}"
            started = time.perf_counter()
            reply = client.post("/v1/classify", params={"model": name}, content=image)
            seen.seconds.append(time.perf_counter() - started)
            if reply.status_code != 200 or reply.json()["model"] != name:
                seen.failures.append(reply.text)


def _loads(server: Running) -> tuple[int, float]:
    """How many models were loaded from their files, and the mean of what a load took, in s."""
    text = httpx.get(f"{server.url}/metrics", timeout=60).text
    count, total = (
        sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith(series))
        for series in ("lutrin_load_seconds_count", "lutrin_load_seconds_sum")
    )
    return int(count), total / max(count, 1)


def _report(seen: Seen, highest_mb: float, loads: tuple[int, float], budget_mb: int) -> None:
    count, mean_s = loads
    milliseconds = 1000 * np.sort(seen.seconds)
    # The answers that waited for a load are the slowest, and about as many as there were loads.
    warm, cold = np.split(milliseconds, [max(len(milliseconds) - count, 0)])
    print(f"| requests | {len(milliseconds)} |")
    print(f"| failed | {len(seen.failures)} |")
    print(f"| loads | {count}, {1000 * mean_s:.0f} ms each |")
    print(f"| memory at its highest | {highest_mb:.0f} of {budget_mb * 1.048576:.0f} MB |")
    for name, times in {"loaded": warm, "cold": cold}.items():
        if len(times):
            p50, p99 = np.quantile(times, [0.5, 0.99])
            print(f"| {name}: p50, p99 | {p50:.1f}, {p99:.1f} ms |")


if __name__ == "__main__":
    main()
