"""What one version of a model has done since it was loaded, as Triton's statistics extension asks.

A request is one caller's call, a batch one run of the model: many requests may share a batch, and
a long request takes several. Durations are nanoseconds, each with the number of times it was taken.
"""

from __future__ import annotations

import threading
import time
from typing import Any


class _Sum:
    """How often something happened and how long it took altogether."""

    __slots__ = ("count", "ns")

    def __init__(self) -> None:
        self.count = 0
        self.ns = 0

    def add(self, seconds: float) -> None:
        self.count += 1
        self.ns += int(seconds * 1e9)

    def as_dict(self) -> dict[str, int]:
        return {"count": self.count, "ns": self.ns}


class Statistics:
    """Counts of one version of a model; the event loop and the model's threads add to them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._success, self._fail, self._queue, self._infer = _Sum(), _Sum(), _Sum(), _Sum()
        self._batches: dict[int, _Sum] = {}
        self._rows = 0
        self._last_at = 0.0

    def request(self, seconds: float, queued_s: float, ok: bool) -> None:
        """Count one request: `seconds` from its arrival at the model to its answer or failure.

        `queued_s` of them it waited for others; the rest is the model's time for it.
        """
        with self._lock:
            if not ok:
                self._fail.add(seconds)
                return
            self._success.add(seconds)
            self._queue.add(queued_s)
            self._infer.add(max(seconds - queued_s, 0.0))

    def batch(self, rows: int, seconds: float) -> None:
        """Count one run of the model on `rows` rows, which took `seconds`."""
        with self._lock:
            if rows not in self._batches:
                self._batches[rows] = _Sum()
            self._batches[rows].add(seconds)
            self._rows += rows
            self._last_at = time.time()

    def as_dict(self) -> dict[str, Any]:
        """The fields of Triton's `ModelStatistics`, the model's name and version left out.

        Copying rows in and answers out belongs to the run here: `compute_input` and
        `compute_output` take no time of their own. There is no cache.
        """
        with self._lock:
            infer, nothing = self._infer.as_dict(), {"count": 0, "ns": 0}
            copied = {"count": self._infer.count, "ns": 0}
            return {
                "last_inference": int(self._last_at * 1000),
                "inference_count": self._rows,
                "execution_count": sum(each.count for each in self._batches.values()),
                "inference_stats": {
                    "success": self._success.as_dict(),
                    "fail": self._fail.as_dict(),
                    "queue": self._queue.as_dict(),
                    "compute_input": copied,
                    "compute_infer": infer,
                    "compute_output": copied,
                    "cache_hit": nothing,
                    "cache_miss": nothing,
                },
                "batch_stats": [_batch(rows, each) for rows, each in sorted(self._batches.items())],
            }


def _batch(rows: int, runs: _Sum) -> dict[str, Any]:
    copied = {"count": runs.count, "ns": 0}
    return {
        "batch_size": rows,
        "compute_input": copied,
        "compute_infer": runs.as_dict(),
        "compute_output": copied,
    }
