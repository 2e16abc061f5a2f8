"""Underfitting, a good fit and overfitting: the lecture notes' figure 1 (§3), from real trainings.

Three networks learn to part the same 100 points of two half-moons, a few of which bear the wrong
class. A straight line cannot part the moons: both losses stay high. A small network can. A large
one learns the points by heart: its training loss goes to 0 while its loss on 1,000 other such
points rises, and the regions of the classes grow bays and islands. Rings mark the least validation
loss, which is where early stopping stops.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import keras
import matplotlib as mpl
import numpy as np
from keras import layers
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from training.analysis.plots import STYLE, TRAINING, VALIDATION

EPOCHS: Final = 150
NOISE: Final = 0.25
"""Standard deviation of each coordinate; the moons' radius is 1."""
WRONG: Final = 0.05
"""Share of the points that bear the other class."""
CAPACITIES: Final[dict[str, tuple[tuple[int, ...], float]]] = {
    "Underfitting: a line": ((), 0.03),
    "A good fit: 8 units": ((8,), 0.02),
    "Overfitting: 3 × 256 units": ((256, 256, 256), 0.002),
}
"""The widths of the hidden layers and the learning rate, by what comes of them."""

_SHOWN: Final = (-1.9, 2.9), (-1.4, 1.9)
"""What is seen of the plane: across, up."""


@dataclass(frozen=True)
class Fitted:
    """What came of one training."""

    model: keras.Model
    training: Sequence[float]
    """Mean cross-entropy on the training points after each epoch, nats."""
    validation: Sequence[float]
    """The same on the validation points."""

    @property
    def stop(self) -> int:
        """The index of the epoch of least validation loss."""
        return int(np.argmin(self.validation))


def draw(folder: Path) -> Path:
    """Write `overfitting.png` into a folder: loss curves above, learnt regions below."""
    path = folder / "overfitting.png"
    train, validation = moons(100, seed=5), moons(1000, seed=4)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(11, 6.6))
        rows = figure.subplots(2, len(CAPACITIES), height_ratios=(1, 0.95))
        for curves, plane, title in zip(*rows, CAPACITIES, strict=True):
            fitted = fit(*CAPACITIES[title], train, validation)
            _draw_curves(curves, fitted)
            curves.set_title(title)
            _draw_plane(plane, fitted.model, *train)
        for axes in rows[0]:
            axes.set(ylim=(0, 1.05), xlabel="epoch")
        rows[0][0].set_ylabel("loss")
        rows[0][-1].legend(frameon=False, loc="center right")
        figure.savefig(path, metadata={"Software": None}, pil_kwargs={"optimize": True})
    return path


def moons(count: int, seed: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Noisy points float32 (N, 2) of two half-moons, and their classes (N, 1), 0 or 1."""
    random = np.random.default_rng(seed)
    turn = random.uniform(0, np.pi, count)
    labels = np.arange(count) % 2
    upper = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    lower = np.stack([1 - np.cos(turn), 0.5 - np.sin(turn)], axis=1)
    points = np.where(labels[:, np.newaxis] == 0, upper, lower)
    points += random.normal(0, NOISE, points.shape)
    labels = np.where(random.uniform(size=count) < WRONG, 1 - labels, labels)
    return points.astype(np.float32), labels[:, np.newaxis].astype(np.float32)


def fit(
    widths: Sequence[int],
    learning_rate: float,
    train: tuple[NDArray[np.float32], NDArray[np.float32]],
    validation: tuple[NDArray[np.float32], NDArray[np.float32]],
    epochs: int = EPOCHS,
) -> Fitted:
    """Train a perceptron with these hidden widths by Adam on all training points at once."""
    keras.utils.set_random_seed(1)
    hidden = [layers.Dense(width, "relu", kernel_initializer="he_normal") for width in widths]
    model = keras.Sequential([keras.Input((2,)), *hidden, layers.Dense(1)])
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(learning_rate), loss=loss)
    curves: tuple[list[float], list[float]] = [], []
    for _ in range(epochs):
        model.train_on_batch(*train)
        for curve, (points, labels) in zip(curves, (train, validation), strict=True):
            curve.append(float(loss(labels, model(points))))
    return Fitted(model, *curves)


def _draw_curves(axes: Axes, fitted: Fitted) -> None:
    epochs = range(1, len(fitted.training) + 1)
    axes.plot(epochs, fitted.training, color=TRAINING, label="training")
    axes.plot(epochs, fitted.validation, color=VALIDATION, label="validation")
    least = fitted.validation[fitted.stop]
    axes.plot(fitted.stop + 1, least, "o", ms=9, mfc="none", mew=1.8, color=VALIDATION)
    note = f"least: {least:.2f}, epoch {fitted.stop + 1}"
    axes.text(0.97, 0.67, note, transform=axes.transAxes, ha="right", color=VALIDATION, size=10)


def _draw_plane(
    axes: Axes, model: keras.Model, points: NDArray[np.float32], labels: NDArray[np.float32]
) -> None:
    """What the model says of every place, and the points it has learnt from."""
    across, up = np.meshgrid(np.linspace(*_SHOWN[0], 200), np.linspace(*_SHOWN[1], 140))
    places = np.stack([across.ravel(), up.ravel()], axis=1).astype(np.float32)
    logits = np.asarray(model(places)).reshape(across.shape)
    shade = 1 / (1 + np.exp(-np.clip(logits, -30, 30)))
    axes.contourf(across, up, shade, np.linspace(0, 1, 11), cmap="PuOr_r", vmin=-0.5, vmax=1.5)
    axes.contour(across, up, logits, [0.0], colors="#404040", linewidths=1.2)
    for kind, colour in enumerate(("#5a3a8a", "#b35806")):
        mine = points[labels[:, 0] == kind]
        axes.plot(*mine.T, "o", ms=5, color=colour, mec="white", mew=0.6)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(visible=False)
