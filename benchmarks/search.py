"""Search over HTTP in many vectors: how fast, and how much of what exact search finds.

python -m benchmarks.search [--count 100000] [--width 512] [--queries 300] [--indexes FOLDER|URL]

Two sets of vectors of length 1 are made: around 1,000 centres, as embeddings are, and random, the
hardest there are. A real server is filled with each and then asked by one caller, one query after
the other, for the 10 nearest: of all, and of the tenth that a filter lets pass. What is right says
NumPy, in float32.
"""

from __future__ import annotations

import argparse
import base64
import http.client
import json
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import numpy as np
import psutil
from numpy.typing import NDArray

from benchmarks.running import Running, lutrin

Rows = NDArray[np.float32]

_TOP: Final = 10
_GROUPS: Final = 10
_BATCH: Final = 1000
_CENTRES: Final = 1000
_QUIET_S: Final = 1.0
_MODELS: Final = Path(__file__).parent.parent / "models"


class Asked(NamedTuple):
    """What a run of queries was like."""

    p50_ms: float
    p99_ms: float
    recall: float
    """Of the true nearest, the share that was found."""


def main() -> None:
    """Measure, and print a table in Markdown."""
    parser = argparse.ArgumentParser(
        "python -m benchmarks.search", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--count", type=int, default=100_000, help="vectors (default 100000)")
    parser.add_argument("--width", type=int, default=512, help="numbers of each (default 512)")
    parser.add_argument("--queries", type=int, default=300, help="of each kind (default 300)")
    parser.add_argument("--indexes", help="INDEXES of the server; a new folder when left out")
    given = parser.parse_args()
    print(f"{given.count} vectors of width {given.width}, the {_TOP} nearest\n")
    print("| vectors | added/s | p50 ms | p99 ms | recall@10 | filtered p50 ms | recall@10 |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |", flush=True)
    sizes = []
    for kind in ("clustered", "random"):
        rows = made(kind, given.count + given.queries, given.width)
        with TemporaryDirectory() as folder:
            settings = {"MODELS_DIR": str(_MODELS), "LOADING": "lazy", "LOG_LEVEL": "error"}
            settings["INDEXES"] = given.indexes or folder
            with lutrin(**settings) as server:
                measure(kind, server, rows[given.queries :], rows[: given.queries])
                sizes.append((kind, server.resident_mb, _megabytes(Path(folder))))
    print()
    for kind, memory, disk in sizes:
        print(f"{kind}: {memory:.0f} MB resident, {disk:.0f} MB on disk")


def made(kind: str, count: int, width: int) -> Rows:
    """Vectors of length 1, float32 (count, width)."""
    numbers = np.random.default_rng(7)
    rows = numbers.standard_normal((count, width), np.float32)
    if kind == "clustered":
        centres = numbers.standard_normal((_CENTRES, width), np.float32)
        rows = centres[numbers.integers(0, _CENTRES, count)] + np.float32(0.7) * rows
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


def measure(kind: str, server: Running, rows: Rows, queries: Rows) -> None:
    """Fill an index, ask it, and print its line of the table."""
    caller = Caller(server.url, f"bench-{kind}")
    caller.send("DELETE", "")
    started = time.perf_counter()
    for start in range(0, len(rows), _BATCH):
        caller.add(rows[start : start + _BATCH], start)
    rate = len(rows) / (time.perf_counter() - started)
    _wait_quiet(server.pid)
    whole = caller.ask(queries, truth(rows, queries, 1), None)
    part = caller.ask(queries, truth(rows, queries, _GROUPS), {"group": 0})
    print(
        f"| {kind} | {rate:.0f} | {whole.p50_ms:.2f} | {whole.p99_ms:.2f} | {whole.recall:.4f} | "
        f"{part.p50_ms:.2f} | {part.recall:.4f} |",
        flush=True,
    )


def truth(rows: Rows, queries: Rows, step: int) -> list[set[str]]:
    """The ids of the nearest to each query, of every `step`th row."""
    scores = queries @ rows[::step].T
    best = np.argpartition(-scores, _TOP, axis=1)[:, :_TOP] * step
    return [set(map(str, each)) for each in best]


class Caller:
    """Asks one index of a server, over one connection."""

    def __init__(self, url: str, index: str) -> None:
        address = urlsplit(url)
        self._connection = http.client.HTTPConnection(address.hostname or "", address.port)
        self._path = f"/v1/indexes/{index}"

    def send(self, verb: str, route: str, body: Any = None) -> dict[str, Any]:
        """The answer to a request."""
        sent = None if body is None else json.dumps(body)
        self._connection.request(verb, f"{self._path}{route}", sent)
        answer: dict[str, Any] = json.loads(self._connection.getresponse().read())
        return answer

    def add(self, rows: Rows, start: int) -> None:
        """Add rows whose ids begin with `start`."""
        items = [
            {"id": str(n), "vector": _packed(row), "metadata": {"group": n % _GROUPS}}
            for n, row in enumerate(rows, start)
        ]
        answer = self.send("POST", "/items", {"items": items})
        assert len(answer["ids"]) == len(rows), answer  # noqa: S101

    def ask(self, queries: Rows, right: Sequence[set[str]], where: dict[str, Any] | None) -> Asked:
        """Ask for the nearest to each query, after some that are not counted."""
        seconds, found = [], 0
        for query, nearest in [
            *zip(queries[:20], right, strict=False),
            *zip(queries, right, strict=True),
        ]:
            body = {"vector": _packed(query), "top_k": _TOP, "filter": where}
            started = time.perf_counter()
            answer = self.send("POST", "/query", body)
            seconds.append(time.perf_counter() - started)
            found += len({hit["id"] for hit in answer["results"]} & nearest)
        counted = 1e3 * np.array(seconds[20:])
        recall = found / _TOP / len(seconds)
        return Asked(float(np.median(counted)), float(np.quantile(counted, 0.99)), recall)


def _packed(row: Rows) -> str:
    return base64.b64encode(row.astype("<f4").tobytes()).decode()


def _wait_quiet(pid: int) -> None:
    """Wait until no process of the server packs vectors any more."""
    quiet = 0.0
    while quiet < _QUIET_S:
        time.sleep(0.1)
        children = psutil.Process(pid).children(recursive=True)
        is_packing = any("service.search.stores.packing" in child.cmdline() for child in children)
        quiet = 0.0 if is_packing else quiet + 0.1


def _megabytes(folder: Path) -> float:
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file()) / 1e6


if __name__ == "__main__":
    main()
