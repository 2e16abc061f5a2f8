"""Where a norm ball holds a minimum: the lecture notes' figure 2 (§3.1), computed.

The loss L(w₁, w₂) = (w₁ − 1.5)² + (w₂ − 1)² is least at (1.5, 1), outside both balls ‖w‖ ≤ 1.
Projected gradient descent, the training step that `training.objectives.constraints` makes of a
constraint, finds the least loss inside: on an edge of the ℓ1 ball and on the rim of the ℓ2 ball,
where a contour of the loss touches it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import keras
import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from numpy.typing import NDArray

from training.analysis.plots import STYLE, TRAINING
from training.objectives.constraints import L1Ball, L2Ball

CENTRE: Final = (1.5, 1.0)
"""(a, b): where the loss is 0."""
RADIUS: Final = 1.0
"""C."""
FREE: Final = "#c8443c"
"""The colour of the minimum that nothing holds."""

_SHADES: Final = LinearSegmentedColormap.from_list("", ["#c6d9ec", "#e9f1f8", "#ffffff"])
_BALLS: Final = {"ℓ1": (L1Ball, 1), "ℓ2": (L2Ball, 2)}


def draw(folder: Path) -> Path:
    """Write `regularization.png` into a folder: both balls, contours and minima, side by side."""
    path = folder / "regularization.png"
    with mpl.rc_context({**STYLE, "axes.grid": False}):
        figure = Figure(figsize=(10, 5.2))
        for axes, (name, (ball, order)) in zip(figure.subplots(1, 2), _BALLS.items(), strict=True):
            _draw_contours(axes, held := minimum(ball(RADIUS)))
            _draw_ball(axes, order)
            _mark(axes, CENTRE, FREE, "free minimum")
            _mark(axes, held, TRAINING, "held in the ball")
            axes.set_title(f"The {name} ball, C = {RADIUS:g}")
            axes.set(xlabel="w₁", xlim=(-1.45, 2.55), ylim=(-1.85, 2.1), aspect="equal")
            axes.legend(frameon=False, loc="lower left", handletextpad=0.2)
        figure.axes[0].set_ylabel("w₂", rotation=0)
        figure.savefig(path, dpi=120, metadata={"Software": None}, pil_kwargs={"optimize": True})
    return path


def loss(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """L of points (…, 2) → (…)."""
    distances: NDArray[np.float64] = np.square(weights - np.array(CENTRE)).sum(axis=-1)
    return distances


def minimum(ball: keras.constraints.Constraint, steps: int = 40) -> NDArray[np.float64]:
    """The point (2,) of least loss in a ball, by projected gradient descent from the origin."""
    weights = np.zeros(2)
    for _ in range(steps):
        gradient = 2 * (weights - np.array(CENTRE))
        weights = np.asarray(ball(weights - 0.25 * gradient))
    return weights


def _draw_contours(axes: Axes, held: NDArray[np.float64]) -> None:
    across, up = np.meshgrid(np.linspace(-1.45, 2.55, 400), np.linspace(-1.85, 2.1, 395))
    values = loss(np.stack([across, up], axis=-1))
    levels = np.square(np.linspace(0, 4, 17))  # rings a quarter apart
    axes.contourf(across, up, values, levels, cmap=_SHADES)
    axes.contour(across, up, values, levels[1:], colors="#b9cde0", linewidths=0.8)
    touching = [float(loss(held))]
    axes.contour(across, up, values, touching, colors=[TRAINING], linewidths=1.4, linestyles="--")


def _draw_ball(axes: Axes, order: int) -> None:
    turns = np.linspace(0, 2 * np.pi, 361)
    rim = np.stack([np.cos(turns), np.sin(turns)], axis=1)
    rim *= RADIUS / np.linalg.norm(rim, order, axis=1, keepdims=True)
    axes.fill(*rim.T, facecolor="white")
    axes.plot(*rim.T, color="#404040", linewidth=1.4)
    axes.axhline(0, color="#808080", linewidth=0.6)
    axes.axvline(0, color="#808080", linewidth=0.6)


def _mark(
    axes: Axes, point: NDArray[np.float64] | tuple[float, float], colour: str, what: str
) -> None:
    value = float(loss(np.asarray(point)))
    label = f"{what}: w = ({point[0]:.3g}, {point[1]:.3g}), L = {value:.4g}"
    axes.plot(*point, "o", ms=8, color=colour, mec="white", mew=1.2, label=label, zorder=3)
