"""Figures of a run: curves, confusion matrix and contact sheet of mistakes, as PNG files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import (
    LogLocator,
    MaxNLocator,
    NullFormatter,
    PercentFormatter,
    StrMethodFormatter,
)
from numpy.typing import NDArray

mpl.use("agg")  # files only: no window, no display needed

TRAINING: Final = "#4878a8"
VALIDATION: Final = "#d1701f"
STYLE: Final[Any] = {
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "figure.constrained_layout.use": True,
    "font.size": 11,
    "grid.color": "#e4e4e4",
    "savefig.dpi": 150,
}
MISTAKES_SHOWN: Final = 60


def save_curves(
    path: Path,
    training: Sequence[float],
    validation: Sequence[float],
    *,
    kept: int,
    what: str,
    title: str,
) -> None:
    """One measure over the epochs, for training and validation, with the epoch kept marked.

    Args:
        path: the PNG file to write.
        training: the measure of each epoch on the training images, augmented as they are seen.
        validation: the same on the images held out.
        kept: the index of the epoch whose weights were kept.
        what: `loss` or `accuracy` (0–1).
        title: stands above the axes.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.5, 4.5))
        axes = figure.subplots()
        epochs = range(1, len(training) + 1)
        axes.plot(epochs, training, color=TRAINING, marker=".", label="training")
        axes.plot(epochs, validation, color=VALIDATION, marker=".", label="validation")
        axes.plot(kept + 1, validation[kept], "o", ms=9, mfc="none", mew=1.8, color=VALIDATION)
        number = f"{validation[kept]:.2%}" if what == "accuracy" else f"{validation[kept]:.4f}"
        axes.set_title(title)
        note = f"kept: epoch {kept + 1}, validation {number}"
        axes.set_title(note, loc="right", size=11, weight="normal", color=VALIDATION)
        _scale_curves(axes, what, [*training, *validation], skipped=len(training) // 10)
        figure.savefig(path)


def _scale_curves(axes: Axes, what: str, values: Sequence[float], skipped: int) -> None:
    """Label the axes and give the end of the run, where curves lie close, the room."""
    axes.set(xlabel="epoch", ylabel=what)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.margins(y=0.12)
    axes.legend(frameon=False, loc="center right")
    if what == "accuracy":
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
        low, high = sorted(values)[2 * skipped], max(values)
        margin = 0.1 * (high - low) + 1e-3
        axes.set_ylim(max(low - margin, 0), min(high + margin, 1.002))
    elif min(values) > 0:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())


def save_confusion(
    path: Path, truth: NDArray[np.int64], guesses: NDArray[np.int64], labels: Sequence[str]
) -> None:
    """How often each class was taken for each other; the shade is the share of the true class.

    Args:
        path: the PNG file to write.
        truth: (N,), the class of each test image.
        guesses: (N,), what the model said.
        labels: the class names.
    """
    size = len(labels)
    counts = np.zeros((size, size), np.int64)
    np.add.at(counts, (truth, guesses), 1)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = min(3.0 + 0.55 * size, 24.0)
    crowded = size > 10 or max(map(len, labels)) > 5
    with mpl.rc_context({**STYLE, "axes.grid": False}):
        figure = Figure(figsize=(side, side * 0.92))
        axes = figure.subplots()
        image = axes.imshow(np.sqrt(share), cmap="Blues", vmin=0, vmax=1)  # so that few show
        if size <= 30:
            for row, column in np.argwhere(counts):
                shade = "white" if share[row, column] > 0.3 else "#303030"
                number = str(counts[row, column])
                axes.text(column, row, number, ha="center", va="center", color=shade, size=9)
        axes.set_xticks(range(size), labels, rotation=90 if crowded else 0)
        axes.set_yticks(range(size), labels)
        accuracy = np.trace(counts) / max(counts.sum(), 1)
        axes.set(xlabel="the model's answer", ylabel="true class")
        axes.set_title(f"Test images: {accuracy:.2%} of {counts.sum():,} right")
        bar = figure.colorbar(image, ax=axes, shrink=0.8, label="share of the true class")
        bar.set_ticks(
            [0, 0.1, 0.1**0.5, 0.5, 0.5**0.5, 1],
            labels=["0", "1 %", "10 %", "25 %", "50 %", "100 %"],
        )
        figure.savefig(path)


def save_mistakes(
    path: Path,
    images: NDArray[np.uint8],
    truth: NDArray[np.int64],
    probabilities: NDArray[np.float32],
    labels: Sequence[str],
) -> None:
    """A contact sheet of the test images the model got wrong, its surest mistakes first.

    Args:
        path: the PNG file to write.
        images: uint8 (N, H, W, C).
        truth: (N,).
        probabilities: float32 (N, K).
        labels: the class names.
    """
    guesses = probabilities.argmax(axis=1)
    wrong = np.flatnonzero(guesses != truth)
    sure = probabilities[wrong, guesses[wrong]]
    shown = wrong[np.argsort(-sure, kind="stable")][:MISTAKES_SHOWN]
    columns = 10
    rows = max(1, -(-len(shown) // columns))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(columns * 1.15, rows * 1.45 + 0.6))
        figure.suptitle(
            f"{len(wrong):,} of {len(images):,} test images wrong"
            + (f", the {len(shown)} surest" if len(shown) < len(wrong) else "")
            + ": true → answer, probability",
            x=0.01,
            ha="left",
            weight="bold",
        )
        for axes in figure.subplots(rows, columns, squeeze=False).flat:
            axes.axis("off")
        for axes, index in zip(figure.axes, shown, strict=False):
            guess = guesses[index]
            axes.imshow(images[index].squeeze(), cmap="gray", vmin=0, vmax=255)
            axes.set_title(
                f"{labels[truth[index]]} → {labels[guess]}  {probabilities[index, guess]:.0%}",
                loc="center",
                size=9,
                weight="normal",
            )
        figure.savefig(path)
