"""Measurements as a page in Markdown with a table, and as a plot."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import matplotlib as mpl

from benchmarks.measurement import Measurement, middle
from benchmarks.workloads import Workload


@dataclass
class Report:
    """Everything that was measured of one workload."""

    workload: Workload
    command: str
    rounds: dict[str, list[Measurement]] = field(default_factory=dict)
    """By the peers' titles, ours first."""
    in_process: list[float] = field(default_factory=list)
    """Rows a second without a server, of each round."""
    missing: dict[str, str] = field(default_factory=dict)
    """Peers that could not be measured, and why."""

    def page(self) -> str:
        """The page."""
        some = next(iter(self.rounds.values()))
        lines = [
            f"# {self.workload.title}",
            "",
            f"`{self.command}` on {machine()}. Medians of {len(some)} rounds, each server started "
            "anew in each; the spread in brackets. Every answer was compared with the offline one.",
            "",
            *self._throughput(some[0]),
            "",
            *self._ratios(some[0]),
            "",
            *self._latency(some[0]),
            "",
            *self._cost(),
            "",
            f"![throughput and latency]({self.workload.name}.png)",
        ]
        if self.missing:
            lines += ["", "Missing:", ""]
            lines += [f"- {title}: {why}" for title, why in self.missing.items()]
        return "\n".join(lines) + "\n"

    def _throughput(self, some: Measurement) -> list[str]:
        counts = list(some.closed)
        head = [
            *(f"{count} conn., req/s" for count in counts),
            *(f"{count} conn., p50 / p99 / p99.9 ms" for count in counts),
            "errors",
        ]
        rows = []
        for title, rounds in self.rounds.items():
            rates = [[each.closed[count].requests_per_s for each in rounds] for count in counts]
            cells = [_spread(values) for values in rates]
            cells += [
                " / ".join(
                    _short(middle(rounds, value))
                    for value in (_p(count, "p50_ms"), _p(count, "p99_ms"), _p(count, "p999_ms"))
                )
                for count in counts
            ]
            errors = sum(load.errors for each in rounds for load in each.closed.values())
            rows.append([title, *cells, str(errors)])
        blank = [""] * (len(head) - 1)
        if self.in_process:
            rows.append(["the model in process, full batches", _spread(self.in_process), *blank])
        return _table(["closed loop", *head], rows)

    def _ratios(self, some: Measurement) -> list[str]:
        """The answers of the first server by those of each other, and by what is possible."""
        first = next(iter(self.rounds))
        counts = list(some.closed)
        by_count = [ratios(self.rounds, count) for count in counts]
        rows = [[title, *(f"{each[title]:.2f}" for each in by_count)] for title in by_count[0]]
        if self.in_process:
            possible = median(self.in_process)
            ours = [middle(self.rounds[first], _p(count, "requests_per_s")) for count in counts]
            rows.append(["the model in process", *(f"{each / possible:.2f}" for each in ours)])
        return _table([f"answers/s, {first} ÷", *(f"{count} conn." for count in counts)], rows)

    def _latency(self, some: Measurement) -> list[str]:
        rates = list(some.open)
        rows = []
        for title, rounds in self.rounds.items():
            cells = [
                " / ".join(
                    _short(middle(rounds, _open(rate, percent))) for percent in (50, 99, 99.9)
                )
                for rate in rates
            ]
            errors = sum(seen.errors for each in rounds for seen in each.open.values())
            rows.append([title, *cells, str(errors)])
        head = [f"{rate} req/s, p50 / p99 / p99.9 ms" for rate in rates]
        return _table(["open loop", *head, "errors"], rows)

    def _cost(self) -> list[str]:
        rows = [
            [
                title,
                f"{middle(rounds, lambda each: each.seconds_to_answer):.2f}",
                f"{middle(rounds, lambda each: each.memory_mb):.0f}",
                _short(middle(rounds, lambda each: each.cpu_s_per_1000)),
            ]
            for title, rounds in self.rounds.items()
        ]
        head = ["cost", "start to first answer, s", "memory, MB", "CPU s per 1,000 answers"]
        return _table(head, rows)

    def draw(self, path: Path) -> None:
        """Throughput by connections, and latency by percentile at the middle rate."""
        mpl.use("Agg")
        from matplotlib import pyplot  # noqa: PLC0415 — after its backend is chosen

        figure, (left, right) = pyplot.subplots(1, 2, figsize=(11, 4), layout="constrained")
        for title, rounds in self.rounds.items():
            counts = list(rounds[0].closed)
            rates = [middle(rounds, _p(count, "requests_per_s")) for count in counts]
            left.plot(counts, rates, marker="o", label=title)
            loads = list(rounds[0].open)
            late = [middle(rounds, _open(rate, 99)) for rate in loads]
            right.plot(loads, late, marker="o", label=title)
        if self.in_process:
            left.axhline(median(self.in_process), color="grey", linestyle=":", label="in process")
        left.set(xscale="log", yscale="log", xlabel="connections", ylabel="answers a second")
        right.set(
            xscale="log", yscale="log", xlabel="requests a second, open loop", ylabel="p99 ms"
        )
        some = next(iter(self.rounds.values()))[0]
        for panel, places in ((left, list(some.closed)), (right, list(some.open))):
            panel.minorticks_off()
            panel.set_xticks(places, [f"{place:,}" for place in places])
        left.legend(fontsize=7)
        figure.suptitle(self.workload.title)
        figure.savefig(path, dpi=110)
        pyplot.close(figure)


def machine() -> str:
    """The processor, its cores, and the versions that matter."""
    names = {
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    }
    return f"{os.cpu_count()} cores of {', '.join(names)}, Python {platform.python_version()}"


def _p(count: int, name: str) -> Callable[[Measurement], float]:
    return lambda each: float(getattr(each.closed[count], name))


def _open(rate: int, percent: float) -> Callable[[Measurement], float]:
    return lambda each: each.open[rate].percentile(percent)


def _spread(values: Sequence[float]) -> str:
    low, high = min(values), max(values)
    said = f"{median(values):,.0f}"
    return said if len(values) == 1 else f"{said} ({low:,.0f}–{high:,.0f})"


def _short(value: float) -> str:
    """Three digits, and never an exponent."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(cells)} |" for cells in lines]


def ratios(rounds: Mapping[str, Sequence[Measurement]], count: int) -> dict[str, float]:
    """How many times the answers of each peer the first gives, at so many connections."""
    first, *others = rounds
    ours = middle(rounds[first], _p(count, "requests_per_s"))
    return {title: ours / middle(rounds[title], _p(count, "requests_per_s")) for title in others}
