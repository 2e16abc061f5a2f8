"""What one peer does under a workload, and the same of several rounds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks import closed_loop, open_loop
from benchmarks.closed_loop import Load
from benchmarks.open_loop import Latencies
from benchmarks.peers import Peer, python
from benchmarks.running import serving
from benchmarks.workloads import Workload


@dataclass(frozen=True)
class Measurement:
    """One peer in one round."""

    closed: dict[int, Load]
    """By number of connections."""
    open: dict[int, Latencies]
    """By requests a second."""
    seconds_to_answer: float
    memory_mb: float
    """After the load."""
    cpu_s_per_1000: float
    """Processor seconds for 1,000 answers, at the most connections."""


@dataclass(frozen=True)
class Protocol:
    """How much is measured."""

    connections: tuple[int, ...]
    seconds: int
    warm_up_s: int = 2


def measure(name: str, peer: Peer, workload: Workload, how: Protocol) -> Measurement:
    """Start a peer, load it in every way, and end it.

    Raises:
        RuntimeError: it cannot be installed, or does not come to answer.
    """
    interpreter = python(name, peer)
    request = peer.request(workload.task)
    judge = _judge(peer, workload)
    is_right = None if judge is None else lambda body: judge(body, None)
    with (
        TemporaryDirectory() as folder,
        serving(peer, interpreter, workload.task, request, _settings(folder, workload)) as server,
    ):
        closed_loop.post(server.url, request, None, max(how.connections), how.warm_up_s)
        closed, cpu_s, answers = {}, 0.0, 0.0
        for count in how.connections:
            before = server.cpu_s
            closed[count] = closed_loop.post(server.url, request, is_right, count, how.seconds)
            cpu_s, answers = server.cpu_s - before, closed[count].requests_per_s * how.seconds
        opened = {
            rate: open_loop.post_at(server.url, request, judge, rate, how.seconds)
            for rate in workload.rates
        }
        return Measurement(
            closed, opened, server.seconds_to_answer, server.memory_mb, 1000 * cpu_s / answers
        )


def middle(rounds: Sequence[Measurement], value: Callable[[Measurement], float]) -> float:
    """The median of a number over rounds."""
    return median(value(each) for each in rounds)


def _judge(peer: Peer, workload: Workload) -> Callable[[bytes, int | None], bool] | None:
    if peer.answer is None:
        return None
    read, known = peer.answer, dict[tuple[bytes, int | None], bool]()

    def judge(body: bytes, index: int | None) -> bool:
        if (body, index) not in known:
            known[body, index] = _is_right(body, index)
        return known[body, index]

    def _is_right(body: bytes, index: int | None) -> bool:
        try:
            return workload.is_right(read(body), index)
        except (ValueError, LookupError, TypeError):  # it is no answer at all
            return False

    return judge


def _settings(folder: str, workload: Workload) -> dict[str, str]:
    """MODELS_DIR: a folder with the workload's model alone, for a server of a folder of models."""
    model = Path(folder) / workload.task.model
    model.mkdir()
    (model / workload.task.export.name).symlink_to(workload.task.export.resolve())
    return {"MODELS_DIR": folder}
