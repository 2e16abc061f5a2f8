"""Merges the metrics of several processes, and renders them for Prometheus.

prometheus-client's own multiprocess mode (0.26) would not do: it cannot remove the series of an
unloaded model, skips gauges that are computed when read, and lacks the process collector. It also
doubles the cost of a count (0.35 → 0.78 µs) and of an observation (0.74 → 1.68 µs).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

Family = list[Any]
"""A metric family as JSON: name, documentation, type, and samples [name, labels, value]."""

_MERGED_BY_MINIMUM: Final = (
    "lutrin_model_ready",
    "lutrin_models_file_valid",
    "process_start_time_seconds",
    "process_max_fds",
)
_MERGED_BY_MAXIMUM: Final = ("lutrin_golden_error", "python_info")
_CUMULATIVE: Final = ("counter", "histogram", "summary")


def collect() -> list[Family]:
    """The metrics of this process now."""
    return [
        [
            each.name,
            each.documentation,
            each.type,
            [[sample.name, sample.labels, sample.value] for sample in each.samples],
        ]
        for each in REGISTRY.collect()
    ]


def merge(reports: Iterable[Sequence[Family]]) -> list[Family]:
    """The metrics of several processes as one: sums, and minimum or maximum where no sum fits.

    A model is ready when it is in all processes; the golden error is the largest of any.
    """
    families: dict[str, tuple[Family, dict[tuple[Any, ...], float]]] = {}
    for report in reports:
        for name, documentation, kind, samples in report:
            _, sums = families.setdefault(name, ([name, documentation, kind], {}))
            for sample, labels, value in samples:
                key = (sample, *sorted(labels.items()))
                sums[key] = _merged(name, sample, sums[key], value) if key in sums else value
    return [
        [*family, [[sample, dict(labels), value] for (sample, *labels), value in sums.items()]]
        for family, sums in families.values()
    ]


def _merged(family: str, sample: str, one: float, other: float) -> float:
    if family in _MERGED_BY_MINIMUM or sample.endswith("_created"):
        return min(one, other)
    return max(one, other) if family in _MERGED_BY_MAXIMUM else one + other


def cumulative(report: Sequence[Family]) -> list[Family]:
    """The families that only grow, which are kept when their process ends."""
    return [each for each in report if each[2] in _CUMULATIVE]


def render(report: Sequence[Family]) -> bytes:
    """The metrics in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(_ReportCollector(report))
    return generate_latest(registry)


class _ReportCollector(Collector):
    """The metrics of a report."""

    def __init__(self, report: Sequence[Family]) -> None:
        self._report = report

    def collect(self) -> Iterator[Metric]:
        for name, documentation, kind, samples in self._report:
            metric = Metric(name, documentation, kind)
            for sample, labels, value in samples:
                metric.add_sample(sample, labels, value)
            yield metric
