"""Figures of sweeps: lines over one knob, a heat map over two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from training.analysis.plots import STYLE, VALIDATION
from training.recipe import KnobValue

mpl.use("agg")  # files only: no window, no display needed

MOST_KNOBS: Final = 2
_FAR_APART: Final = 8
"""A knob whose values are so many times apart has a logarithmic axis."""


def save_sweep(
    path: Path,
    values: Mapping[str, Sequence[KnobValue]],
    measured: NDArray[np.float64],
    *,
    measure: str,
    title: str,
) -> None:
    """Draw what a sweep measured.

    Args:
        path: the PNG file to write.
        values: of one knob or two, by name.
        measured: one axis a knob in their order, and behind them one for repetitions, such as
            seeds; NaN where a point failed.
        measure: what was measured.
        title: stands above the axes.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.5, 4.5))
        axes = figure.subplots()
        names = [name.replace("_", " ") for name in values]
        if len(values) == 1:
            (knob,) = values.values()
            _draw_line(axes, knob, measured)
            axes.set(xlabel=names[0], ylabel=f"validation {measure}")
        else:
            rows, columns = values.values()
            _draw_map(axes, _mean(measured), measure)
            axes.set(xlabel=names[1], ylabel=names[0])
            axes.set_xticks(range(len(columns)), list(map(_text, columns)))
            axes.set_yticks(range(len(rows)), list(map(_text, rows)))
            axes.grid(visible=False)
            figure.colorbar(axes.images[0], label=f"validation {measure}")
        axes.set_title(title)
        figure.savefig(path, metadata={"Software": None})


def _draw_line(axes: Axes, knob: Sequence[KnobValue], measured: NDArray[np.float64]) -> None:
    """The mean over repetitions as a line, and every point."""
    places: Any = np.arange(len(knob))
    numbers = [value for value in knob if not isinstance(value, str)]
    if len(numbers) == len(knob):
        places = np.array(numbers, float)
        if places.min() > 0 and places.max() / places.min() >= _FAR_APART:
            axes.set_xscale("log")
    axes.set_xticks(places, list(map(_text, knob)))
    axes.minorticks_off()
    order = np.argsort(places)
    axes.plot(places[order], _mean(measured)[order], color=VALIDATION)
    for repetition in measured.T:
        axes.plot(places, repetition, "o", color=VALIDATION, alpha=0.6, clip_on=False)


def _draw_map(axes: Axes, means: NDArray[np.float64], measure: str) -> None:
    """A cell a point with its number; what failed is left white and says so."""
    colours = "viridis" if "accuracy" in measure else "viridis_r"  # the better, the brighter
    axes.imshow(np.ma.masked_invalid(means), cmap=colours, aspect="auto")
    least, most = np.nanmin(means), np.nanmax(means)
    for (row, column), value in np.ndenumerate(means):
        share = (value - least) / (most - least) if most > least else 0.0
        bright = np.isnan(value) or (share > 0.5) == ("accuracy" in measure)
        text = "failed" if np.isnan(value) else f"{value:.4g}"
        axes.text(column, row, text, ha="center", va="center", color="black" if bright else "white")


def _mean(measured: NDArray[np.float64]) -> NDArray[np.float64]:
    """Over the repetitions that did not fail; NaN where all did."""
    there = ~np.isnan(measured)
    sums = np.where(there, measured, 0).sum(axis=-1)
    counts = there.sum(axis=-1)
    means: NDArray[np.float64] = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    return means


def _text(value: KnobValue) -> str:
    return value if isinstance(value, str) else f"{value:g}"
