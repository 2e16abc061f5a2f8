"""What vectors keep in fewer bytes: cosines and neighbours, by each `output_dtype` of /v1/embed.

python -m benchmarks.output_dtypes --model all-minilm-l6-v2 [--url http://127.0.0.1:8000]

The texts are the first sentences of the docstrings of Python's standard library, a few thousand
that are on every machine. A twentieth of them ask for their ten nearest among the others.
"""

from __future__ import annotations

import argparse
import ast
import base64
import sysconfig
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import httpx
import numpy as np
from numpy.typing import NDArray

_TEXTS: Final = 4000
_AT_ONCE: Final = 500
_NEAREST: Final = 10
_ASK: Final = 20
"""One of so many texts asks, the others are found."""
_STORED: Final = {"float32": "<f4", "float16": "<f2", "int8": "i1", "binary": "u1"}

_Rows = NDArray[np.float32]


def main() -> None:
    """Measure, and print a table in Markdown."""
    parser = argparse.ArgumentParser(
        "python -m benchmarks.output_dtypes", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--url", default="http://127.0.0.1:8000", help="a service that runs")
    parser.add_argument("--model", required=True, help="one that embeds texts")
    given = parser.parse_args()
    texts = sentences(_TEXTS)
    print(f"{len(texts)} sentences, {len(texts[::_ASK])} of which ask\n")
    print("| output_dtype | bytes | least cosine | of the 10 nearest, found | among 40 |")
    print("| --- | --- | --- | --- | --- |")
    exact = embed(given.url, given.model, texts, "float32")
    for dtype in _STORED:
        rows = exact if dtype == "float32" else embed(given.url, given.model, texts, dtype)
        least = f"{_cosines(exact, rows).min():.6f}" if dtype != "binary" else "–"
        found, among = (_found(exact, rows, dtype, count) for count in (_NEAREST, 4 * _NEAREST))
        print(f"| `{dtype}` | {rows[0].nbytes} | {least} | {found:.1%} | {among:.1%} |", flush=True)


def sentences(count: int) -> list[str]:
    """The first sentences of docstrings of the standard library, each once, sorted."""
    found: set[str] = set()
    for path in sorted(Path(sysconfig.get_path("stdlib")).glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8", errors="replace"))):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                text = (ast.get_docstring(node) or "").partition("\n\n")[0].replace("\n", " ")
                if 20 <= len(text) <= 200:
                    found.add(text)
    return sorted(found)[:count]


def embed(url: str, model: str, texts: Sequence[str], dtype: str) -> NDArray[Any]:
    """Their vectors as the service gives them, in numbers of `dtype`."""
    rows: list[NDArray[Any]] = []
    for start in range(0, len(texts), _AT_ONCE):
        asked: dict[str, Any] = {"model": model, "output_dtype": dtype, "encoding_format": "base64"}
        asked |= {"input": texts[start : start + _AT_ONCE], "truncate": True}
        reply = httpx.post(f"{url}/v1/embed", json=asked, timeout=300)
        reply.raise_for_status()
        rows += (
            np.frombuffer(base64.b64decode(each["embedding"]), _STORED[dtype])
            for each in reply.json()["results"]
        )
    return np.stack(rows)


def _cosines(exact: _Rows, rows: NDArray[Any]) -> NDArray[np.float64]:
    """The cosine of each vector with what it became."""
    ours, theirs = exact.astype(np.float64), rows.astype(np.float64)
    lengths = np.linalg.norm(ours, axis=-1) * np.linalg.norm(theirs, axis=-1)
    cosines: NDArray[np.float64] = (ours * theirs).sum(-1) / lengths
    return cosines


def _found(exact: _Rows, rows: NDArray[Any], dtype: str, count: int) -> float:
    """The share of the exactly nearest that are among the `count` nearest by what they became."""
    nearest = _nearest(_scores(exact, "float32"), _NEAREST)
    among = _nearest(_scores(rows, dtype), count)
    hits = [len(np.intersect1d(one, other)) for one, other in zip(nearest, among, strict=True)]
    return float(np.mean(hits)) / _NEAREST


def _scores(rows: NDArray[Any], dtype: str) -> NDArray[np.float64]:
    """How near those that ask are to the others, (those, others), more being nearer."""
    asks = np.arange(len(rows)) % _ASK == 0
    if dtype == "binary":
        differing = np.bitwise_count(rows[asks, np.newaxis] ^ rows[~asks]).sum(-1)
        nearness: NDArray[np.float64] = -differing.astype(np.float64)
        return nearness
    wide = rows.astype(np.float64)
    wide /= np.linalg.norm(wide, axis=-1, keepdims=True)
    scores: NDArray[np.float64] = wide[asks] @ wide[~asks].T
    return scores


def _nearest(scores: NDArray[np.float64], count: int) -> NDArray[np.intp]:
    return np.argsort(-scores, axis=-1, kind="stable")[:, :count]


if __name__ == "__main__":
    main()
