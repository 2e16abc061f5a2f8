"""Counters of several processes as one: taken down in each, added up, written for Prometheus."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

Family = list[Any]
"""A metric as JSON takes it: name, what it says, its kind, and samples [name, labels, value]."""

_LEAST: Final = (
    "lutrin_model_ready",
    "lutrin_models_file_valid",
    "process_start_time_seconds",
    "process_max_fds",
)
_MOST: Final = ("lutrin_golden_error", "python_info")
_GROWING: Final = ("counter", "histogram", "summary")


def taken() -> list[Family]:
    """What this process counts now."""
    return [
        [
            each.name,
            each.documentation,
            each.type,
            [[sample.name, sample.labels, sample.value] for sample in each.samples],
        ]
        for each in REGISTRY.collect()
    ]


def added(reports: Iterable[Sequence[Family]]) -> list[Family]:
    """The sum of several processes' counts.

    What is no amount is not added: ready is what all are, and an error is the largest of any.
    """
    families: dict[str, tuple[Family, dict[tuple[Any, ...], float]]] = {}
    for report in reports:
        for name, documentation, kind, samples in report:
            _, sums = families.setdefault(name, ([name, documentation, kind], {}))
            for sample, labels, value in samples:
                key = (sample, *sorted(labels.items()))
                sums[key] = _joined(name, sample, sums[key], value) if key in sums else value
    return [
        [*family, [[sample, dict(labels), value] for (sample, *labels), value in sums.items()]]
        for family, sums in families.values()
    ]


def _joined(family: str, sample: str, one: float, other: float) -> float:
    if family in _LEAST or sample.endswith("_created"):
        return min(one, other)
    return max(one, other) if family in _MOST else one + other


def lasting(report: Sequence[Family]) -> list[Family]:
    """What of a process that has ended still counts: what only grows."""
    return [each for each in report if each[2] in _GROWING]


def written(report: Sequence[Family]) -> bytes:
    """The counts in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(_Taken(report))
    return generate_latest(registry)


class _Taken(Collector):
    """Counts that were taken down elsewhere."""

    def __init__(self, report: Sequence[Family]) -> None:
        self._report = report

    def collect(self) -> Iterator[Metric]:
        for name, documentation, kind, samples in self._report:
            metric = Metric(name, documentation, kind)
            for sample, labels, value in samples:
                metric.add_sample(sample, labels, value)
            yield metric
