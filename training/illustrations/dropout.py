"""Loss curves with and without dropout, side by side: exercise 4 of the lecture notes (§3.2).

Drawn from the newest runs of the recipes mnist-mlp-plain and mnist-mlp-dropout in `runs`. The shade
between the curves is the gap between what the network makes of images it has learnt from and of
others; a negative one under dropout is that of a network that learns with a part of itself missing
and is validated whole.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from training.analysis.plots import STYLE, TRAINING, VALIDATION
from training.errors import UsageError

RUNS: Final = Path("runs")
RECIPES: Final = {"mnist-mlp-plain": "without dropout", "mnist-mlp-dropout": "with dropout 0.2"}

Losses = tuple[list[float], list[float]]
"""Training and validation, epoch by epoch, nats."""


def draw(folder: Path) -> Path:
    """Write `dropout.png` into a folder.

    Raises:
        UsageError: one of the two recipes has not been run.
    """
    path = folder / "dropout.png"
    curves = {title: losses(RUNS, name) for name, title in RECIPES.items()}
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(10, 4))
        for axes, (title, (training, validation)) in zip(
            figure.subplots(1, 2, sharey=True), curves.items(), strict=True
        ):
            _draw(axes, training, validation)
            axes.set_title(title.capitalize())
        figure.axes[0].set_ylabel("loss")
        figure.axes[1].legend(frameon=False, loc="upper right")
        figure.savefig(path, metadata={"Software": None}, pil_kwargs={"optimize": True})
    return path


def losses(runs: Path, recipe: str) -> Losses:
    """The losses of a recipe's newest run.

    Raises:
        UsageError: there is none.
    """
    versions = [
        each for each in (runs / recipe).glob("*/history.csv") if each.parent.name.isdigit()
    ]
    if not versions:
        commands = " and ".join(f"python -m training train {name}" for name in RECIPES)
        raise UsageError(f"there is no run of {recipe} in {runs}: the figure needs {commands}")
    newest = max(versions, key=lambda path: int(path.parent.name))
    with newest.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [float(row["loss"]) for row in rows], [float(row["val_loss"]) for row in rows]


def _draw(axes: Axes, training: list[float], validation: list[float]) -> None:
    epochs = range(1, len(training) + 1)
    axes.fill_between(epochs, training, validation, color=VALIDATION, alpha=0.12, linewidth=0)
    axes.plot(epochs, training, color=TRAINING, marker=".", label="training")
    axes.plot(epochs, validation, color=VALIDATION, marker=".", label="validation (test set)")
    gap = validation[-1] - training[-1]
    note = f"gap at epoch {len(training)}: {gap:+.3f}".replace("-", "−")
    axes.text(0.97, 0.70, note, transform=axes.transAxes, ha="right", color=VALIDATION)
    axes.set(xlabel="epoch", ylim=(0, None))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
