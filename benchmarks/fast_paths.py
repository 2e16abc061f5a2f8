"""What each part that exists for speed alone gains: the service with it and without it, in turns.

    python -m benchmarks.fast_paths                 every part, with a 28×28 PNG to LeNet-5
    python -m benchmarks.fast_paths --rounds 5      more rounds; medians are printed

The parts are replaced by what they stand in for: uvicorn's connection, asyncio's timers, FastAPI's
routing and Pillow's reader. Processor time counts, not the clock: other work
on the machine takes the clock's time, but hardly the processor's.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, Final

from benchmarks import closed_loop, running, workloads
from benchmarks.peers import Request

_MODELS: Final = Path(__file__).parents[1] / "models"
_CONNECTIONS: Final = 64


def _without_one_write() -> None:
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol  # noqa: PLC0415

    from service.server import http  # noqa: PLC0415

    vars(http)["Connection"] = HttpToolsProtocol


def _without_shared_timer() -> None:
    from service.machine import timeouts  # noqa: PLC0415 — before those who import from it

    async def wait_for(seconds: float, work: Any) -> Any:
        async with asyncio.timeout(seconds):
            return await work

    def set_timeout(seconds: float, callback: Callable[[], object]) -> Any:
        return asyncio.get_running_loop().call_later(seconds, callback)

    timeouts.wait_for, timeouts.set_timeout = wait_for, set_timeout


def _without_route_cache() -> None:
    from service.protocols.http.route_cache import RouteCache  # noqa: PLC0415

    async def call(self: RouteCache, scope: Any, receive: Any, send: Any) -> None:
        await self._app(scope, receive, send)

    RouteCache.__call__ = call  # type: ignore[method-assign]  # what it stands in for


def _without_png_reader() -> None:
    from service.preprocessing import png  # noqa: PLC0415

    png.decode = lambda data: None


PARTS: Final[dict[str, tuple[str, Callable[[], None]]]] = {
    "server/connection.py": ("head and body in one write", _without_one_write),
    "machine/timeouts.py": ("one timer for all timeouts", _without_shared_timer),
    "protocols/http/route_cache.py": ("routes remembered by path", _without_route_cache),
    "preprocessing/png.py": ("small PNGs without Pillow's reader", _without_png_reader),
}
"""By file: what it does, and how to do without it."""


def main() -> None:
    """Measure every part, or serve without one."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=3, help="of load, each time")
    parser.add_argument("--serve-without", choices=PARTS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve_without:
        PARTS[given.serve_without][1]()
        from service.cli import main as serve  # noqa: PLC0415 — after the part is replaced

        sys.exit(serve([]))
    costs: dict[str, list[float]] = {name: [] for name in ("", *PARTS)}
    for _ in range(given.rounds):
        for name, found in costs.items():
            found.append(_microseconds(name, given.seconds))
    whole = median(costs[""])
    print("| part | what it does | processor µs an answer without it | gain |")
    print("| --- | --- | --- | --- |")
    print(f"| – | all parts | {whole:.0f} | |")
    for name, (what, _) in PARTS.items():
        without = median(costs[name])
        print(f"| `service/{name}` | {what} | {without:.0f} | {without / whole - 1:.0%} |")


def _microseconds(without: str, seconds: int) -> float:
    """Processor time of one answer, in microseconds."""
    request = Request("/v1/classify?model=mnist-lenet5", [workloads.digit()], "image/png")
    settings = {"MODELS_DIR": str(_MODELS), "REQUIRED_MODELS": "mnist-lenet5", "LOADING": "lazy"}
    arguments = ["-m", "benchmarks.fast_paths", "--serve-without", without] if without else None
    with running.lutrin(arguments, **settings) as server:
        closed_loop.post(server.url, request, None, _CONNECTIONS, 2)
        before = server.cpu_s
        load = closed_loop.post(server.url, request, None, _CONNECTIONS, seconds)
        spent = server.cpu_s - before
    if load.errors:
        raise SystemExit(f"{load.errors} answers of the service {without!r} were errors")
    return spent / (load.requests_per_s * seconds) * 1e6


if __name__ == "__main__":
    os.environ.setdefault("INDEXES", "off")
    main()
