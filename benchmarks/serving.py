"""Lutrin beside a plain FastAPI + TensorFlow endpoint: the same SavedModel, the same PNG, one run.

python -m benchmarks.serving [--models models] [--seconds 5] [--rounds 3]

The servers run at the same time and are asked in turns, so that a noisy machine is noisy for both;
medians over the rounds are printed, and their ratios.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final

from PIL import Image, ImageDraw

from benchmarks.load import Load, Running, post, serving
from service.images import Picture
from service.manifest import ImageInput

_CONNECTIONS: Final = (1, 64)
Runs = dict[tuple[str, int], list[Load]]
"""The runs of each server and number of connections."""


def main() -> None:
    """Measure, and print a table in Markdown."""
    parser = argparse.ArgumentParser(
        "python -m benchmarks.serving", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--models", type=Path, default=Path("models"))
    parser.add_argument("--model", default="mnist-lenet5")
    parser.add_argument("--seconds", type=int, default=5, help="seconds of each run (default 5)")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each kind (default 3)")
    given = parser.parse_args()
    export = max((given.models / given.model).iterdir(), key=lambda folder: int(folder.name))
    with ExitStack() as stack, TemporaryDirectory() as folder:
        body = Path(folder) / "digit.png"
        body.write_bytes(digit())
        servers = {
            "lutrin": stack.enter_context(
                serving(["-m", "service"], MODELS_DIR=str(given.models), LOG_LEVEL="warning")
            ),
            "plain": stack.enter_context(serving(["-m", "benchmarks.plain_fastapi", str(export)])),
        }
        runs: Runs = {(name, count): [] for name in servers for count in _CONNECTIONS}
        for _ in range(given.rounds):
            for (name, count), loads in runs.items():
                url = f"{servers[name].url}/v1/classify?model={given.model}"
                loads.append(post(url, body, "image/png", count, given.seconds))
        print(_table(servers, runs))


def digit() -> bytes:
    """A 28×28 PNG as MNIST's files are, so that both servers have the same work."""
    image = Image.new("L", (280, 280), 0)
    pen = ImageDraw.Draw(image)
    pen.line([(80, 70), (190, 70), (120, 210)], fill=255, width=24, joint="curve")
    drawn = io.BytesIO()
    image.save(drawn, "PNG")
    spec = ImageInput(height=28, width=28, channels=1, fit="mnist")
    pixels = Picture.open(drawn.getvalue(), max_pixels=280 * 280).decode(spec)
    file = io.BytesIO()
    Image.fromarray(pixels[:, :, 0]).save(file, "PNG")
    return file.getvalue()


def _table(servers: dict[str, Running], runs: Runs) -> str:
    def of(name: str, connections: int, value: Callable[[Load], float]) -> float:
        return median(value(load) for load in runs[name, connections])

    rows: list[tuple[str, float, float]] = []
    for connections in _CONNECTIONS:
        for title, value in (
            ("requests/s", lambda load: load.requests_per_s),
            ("p50 ms", lambda load: load.p50_ms),
            ("p99 ms", lambda load: load.p99_ms),
        ):
            ours, theirs = of("lutrin", connections, value), of("plain", connections, value)
            rows.append((f"{connections} connections, {title}", ours, theirs))
    lutrin, plain = servers["lutrin"], servers["plain"]
    rows.append(("resident memory, MB", lutrin.resident_mb, plain.resident_mb))
    rows.append(("start to ready, s", lutrin.seconds_to_ready, plain.seconds_to_ready))
    lines = ["| | Lutrin | plain FastAPI + TensorFlow | ratio |", "| --- | --- | --- | --- |"]
    lines += [f"| {title} | {a:.4g} | {b:.4g} | {a / b:.2f} |" for title, a, b in rows]
    errors = sum(
        load.errors for (name, _), loads in runs.items() if name == "lutrin" for load in loads
    )
    return "\n".join([*lines, "", f"Errors of Lutrin: {errors}"])


if __name__ == "__main__":
    main()
