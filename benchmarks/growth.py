"""How cost grows with the work: images a request, pixels, tokens, models, workers; no cliffs.

python -m benchmarks.growth [--seconds 3] [--rounds 3] [--plot docs/benchmarks/growth.png]

Each series is asked in turns, round after round, so that a noisy machine is noisy for all of it;
medians are drawn, and the table names the steepest step: by how much the cost of a unit of work
rose from one point to the next.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final

import matplotlib as mpl
import numpy as np
from PIL import Image

from benchmarks.closed_loop import post
from benchmarks.peers import Request
from benchmarks.running import lutrin
from benchmarks.workloads import digit

mpl.use("Agg")
import matplotlib.pyplot as plt

_CONNECTIONS: Final = 16
_MODEL: Final = "mnist-lenet5"
_PHOTO_MODEL: Final = "cifar10-alexnet"


@dataclass(frozen=True)
class Series:
    """One kind of work, more and more of it."""

    title: str
    sizes: Sequence[int]
    unit: str
    """What is counted per second."""
    rates: Sequence[float]
    """Units a second, by size."""

    @property
    def steepest(self) -> tuple[float, int]:
        """The largest growth of a unit's cost from one size to the next, and the size it is at."""
        steps = [before / after for before, after in zip(self.rates, self.rates[1:], strict=False)]
        worst = max(range(len(steps)), key=steps.__getitem__)
        return steps[worst], self.sizes[worst + 1]


@dataclass(frozen=True)
class Settings:
    """How long each point is measured, and with what."""

    models: Path
    seconds: int
    rounds: int
    folder: Path


def main() -> None:
    """Measure, print a table in Markdown and draw it."""
    parser = argparse.ArgumentParser(
        "python -m benchmarks.growth", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--models", type=Path, default=Path("models"))
    parser.add_argument("--text-model", default="all-minilm-l6-v2", help="made by make minilm")
    parser.add_argument("--seconds", type=int, default=3, help="seconds of each run (default 3)")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each point (default 3)")
    parser.add_argument("--plot", type=Path, default=Path("docs/benchmarks/growth.png"))
    given = parser.parse_args()
    with TemporaryDirectory() as folder:
        settings = Settings(given.models, given.seconds, given.rounds, Path(folder))
        series = [of_images(settings), of_pixels(settings)]
        if (given.models / given.text_model).is_dir():
            series.append(of_tokens(settings, given.text_model))
        series += [of_models(settings), of_workers(settings)]
    print("| | " + "from | to | units/s | steepest step |\n| --- | --- | --- | --- | --- |")
    for each in series:
        step, size = each.steepest
        rates = " → ".join(map(_short, (each.rates[0], each.rates[-1])))
        print(
            f"| {each.title} | {each.sizes[0]:,} | {each.sizes[-1]:,} | {rates} {each.unit} | "
            f"×{step:.2f} at {size:,} |"
        )
    draw(series, given.plot)


def of_images(settings: Settings) -> Series:
    """Images of one request, 28×28."""
    sizes = (1, 2, 4, 8, 16, 32, 64)
    file = base64.b64encode(digit()).decode()
    path = f"/v1/classify?model={_MODEL}"
    asked = {size: _json(path, {"images": [file] * size}) for size in sizes}
    with _serving(settings, _MODEL) as url:
        rates = _rates(settings, url, asked)
    units = {size: rate * size for size, rate in rates.items()}
    return Series("images a request", sizes, "images/s", list(units.values()))


def of_pixels(settings: Settings) -> Series:
    """The side of a square JPEG."""
    sizes = (32, 64, 128, 256, 512, 1024, 2048, 4096)
    path = f"/v1/classify?model={_PHOTO_MODEL}"
    asked = {size: Request(path, [_photo(size)], "image/jpeg") for size in sizes}
    with _serving(settings, _PHOTO_MODEL) as url:
        rates = _rates(settings, url, asked)
    units = {size: rate * size**2 / 1e6 for size, rate in rates.items()}
    return Series("side of a JPEG, pixels", sizes, "megapixels/s", list(units.values()))


def of_tokens(settings: Settings, model: str) -> Series:
    """Words of one text."""
    sizes = (2, 4, 8, 16, 32, 64, 128, 250)
    asked = {
        size: _json("/v1/embeddings", {"model": model, "input": " ".join(["word"] * size)})
        for size in sizes
    }
    with _serving(settings, model) as url:
        rates = _rates(settings, url, asked)
    units = {size: rate * (size + 2) for size, rate in rates.items()}
    return Series("words of a text", sizes, "tokens/s", list(units.values()))


def of_models(settings: Settings) -> Series:
    """Models that are asked at once."""
    sizes = (1, 2, 4, 8, 16)
    copies = settings.folder / "copies"
    for index in range(max(sizes)):
        shutil.copytree(settings.models / _MODEL, copies / f"m{index}")

    def ask(url: str, count: int) -> float:
        with ThreadPoolExecutor(count) as pool:
            loads = pool.map(
                lambda index: post(
                    url, _digit(f"m{index}"), None, _CONNECTIONS // count, settings.seconds
                ),
                range(count),
            )
            return sum(load.requests_per_s for load in loads)

    with lutrin(MODELS_DIR=str(copies)) as running:
        rounds = [[ask(running.url, size) for size in sizes] for _ in range(settings.rounds)]
    rates = [median(each) for each in zip(*rounds, strict=True)]
    return Series("models asked at once", sizes, "requests/s", rates)


def of_workers(settings: Settings) -> Series:
    """Worker processes, up to one a core."""
    cores = os.cpu_count() or 1
    sizes = [size for size in (1, 2, 4, 8, 16, 32) if size <= max(2, cores)]
    rounds: list[list[float]] = []
    for _ in range(settings.rounds):
        rounds.append([])
        for size in sizes:
            with _serving(settings, _MODEL, WORKERS=str(size)) as url:
                rounds[-1] += _rates(settings, url, {1: _digit(_MODEL)}, rounds=1).values()
    rates = [median(each) for each in zip(*rounds, strict=True)]
    return Series("workers", sizes, "requests/s", rates)


def draw(series: Sequence[Series], path: Path) -> None:
    """One small plot a series: units a second by size."""
    figure, panels = plt.subplots(1, len(series), figsize=(3.2 * len(series), 2.8))
    for panel, each in zip(panels, series, strict=True):
        panel.plot(each.sizes, each.rates, marker="o", markersize=4)
        panel.set_xscale("log", base=2)
        panel.set_xticks(each.sizes, [f"{size}" for size in each.sizes], fontsize=7)
        panel.minorticks_off()
        panel.set_ylim(0, 1.1 * max(each.rates))
        panel.set_title(f"{each.unit} by {each.title}", fontsize=9)
        panel.tick_params(axis="y", labelsize=7)
        panel.grid(alpha=0.3)
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)


def _short(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 100 else f"{rate:.3g}"


@contextmanager
def _serving(settings: Settings, model: str, **environment: str) -> Iterator[str]:
    with TemporaryDirectory(dir=settings.folder) as folder:
        Path(folder, model).symlink_to((settings.models / model).resolve())
        with lutrin(**environment, MODELS_DIR=folder) as running:
            yield running.url


def _rates(
    settings: Settings, url: str, asked: dict[int, Request], rounds: int | None = None
) -> dict[int, float]:
    """Requests a second by size, medians of rounds in which every size has its turn."""
    seen: dict[int, list[float]] = {size: [] for size in asked}
    for _ in range(rounds or settings.rounds):
        for size, request in asked.items():
            load = post(url, request, None, _CONNECTIONS, settings.seconds)
            if load.errors:
                raise SystemExit(f"{load.errors} answers of {url} failed at size {size}")
            seen[size].append(load.requests_per_s)
    return {size: median(rates) for size, rates in seen.items()}


def _json(path: str, content: object) -> Request:
    return Request(path, [json.dumps(content).encode()], "application/json")


def _digit(model: str) -> Request:
    return Request(f"/v1/classify?model={model}", [digit()], "image/png")


def _photo(side: int) -> bytes:
    """A JPEG with about a photograph's bytes a pixel: soft shapes under a little noise."""
    random = np.random.default_rng(0)
    small = random.integers(0, 256, (12, 12, 3), np.uint8)
    soft = Image.fromarray(small).resize((side, side), Image.Resampling.BICUBIC)
    noisy = np.asarray(soft, np.int16) + random.integers(-12, 13, (side, side, 1), np.int16)
    file = io.BytesIO()
    Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(file, "JPEG", quality=85)
    return file.getvalue()


if __name__ == "__main__":
    main()
