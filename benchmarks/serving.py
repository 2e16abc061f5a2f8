"""Lutrin beside other servers: the same export, the same request, one run, every answer checked.

python -m benchmarks.serving [lenet5 minilm …] [--peers litserve,…] [--seconds 5] [--rounds 3]

Each peer is a file of `benchmarks/peers`, set up in an environment of its own under `build/peers`.
In each round every server is started, loaded and ended, one after the other, so that a noisy
machine is noisy for all. Two limits are measured beside: routes that do nothing, and the model
without a server. A table and a plot of each workload are written to `docs/benchmarks`.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path
from typing import Final

from benchmarks import in_process
from benchmarks.measurement import Protocol, measure
from benchmarks.peers import Peer, peers
from benchmarks.peers._noop import LIMITS
from benchmarks.report import Report
from benchmarks.workloads import WORKLOADS, Workload

_FIRST: Final = "lutrin"
_IN_PROCESS_S: Final = 4.0


def main() -> None:
    """Measure, and write the pages."""
    given = _arguments()
    for name in given.workloads or WORKLOADS:
        workload = WORKLOADS[name](given.models)
        report = run(workload, _chosen(given.peers, workload), given.how, given.rounds)
        given.out.mkdir(parents=True, exist_ok=True)
        report.draw(given.out / f"{name}.png")
        page = report.page()
        (given.out / f"{name}.md").write_text(page, encoding="utf-8")
        print(page)


def run(workload: Workload, chosen: dict[str, Peer], how: Protocol, rounds: int) -> Report:
    """All rounds of a workload; a peer that fails is left out from then on, and named."""
    report = Report(workload, f"python -m benchmarks.serving {shlex.join(sys.argv[1:])}".strip())
    for number in range(rounds):
        report.in_process.append(in_process.rate(workload, _IN_PROCESS_S))
        for name, peer in chosen.items():
            if peer.title in report.missing:
                continue
            print(f"round {number + 1}: {peer.title} …", file=sys.stderr, flush=True)
            try:
                found = measure(name, peer, workload, how)
            except RuntimeError as error:
                report.missing[peer.title] = str(error)
                report.rounds.pop(peer.title, None)
            else:
                report.rounds.setdefault(peer.title, []).append(found)
    return report


def _chosen(named: list[str] | None, workload: Workload) -> dict[str, Peer]:
    known = peers()
    unknown = set(named or ()) - set(known) - set(LIMITS)
    if unknown:
        raise SystemExit(f"no peer is called {', '.join(unknown)}; there are: {', '.join(known)}")
    ordered = {_FIRST: known.pop(_FIRST)} | known | LIMITS
    wanted = set(named) | {_FIRST} if named else set(ordered)
    return {
        name: peer
        for name, peer in ordered.items()
        if name in wanted and (name in LIMITS or peer.takes(workload.task))
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "python -m benchmarks.serving", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("workloads", nargs="*", choices=[*WORKLOADS, []], help="default: all")
    parser.add_argument("--models", type=Path, default=Path("models"))
    parser.add_argument("--peers", type=lambda text: text.split(","), help="default: all")
    parser.add_argument("--connections", default="1,16,64,256", help="default 1,16,64,256")
    parser.add_argument("--seconds", type=int, default=5, help="seconds of each load (default 5)")
    parser.add_argument("--rounds", type=int, default=3, help="default 3")
    parser.add_argument("--out", type=Path, default=Path("docs/benchmarks"))
    given = parser.parse_args()
    given.how = Protocol(tuple(map(int, given.connections.split(","))), given.seconds)
    return given


if __name__ == "__main__":
    main()
