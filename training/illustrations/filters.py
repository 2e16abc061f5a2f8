"""What two trained networks look for first: the kernels of their first convolution.

Drawn from the committed exports: the six kernels of LeNet-5's layer C1, 5×5 pixels, and the 24 of a
small VGG, 3×3 pixels, both learnt on MNIST. Red weights are positive, blue ones negative, white is
0; all kernels of a network share one scale.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

import keras
import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure, SubFigure
from numpy.typing import NDArray

from training.analysis.plots import STYLE
from training.illustrations import _exports

MODELS: Final = Path("models")


class Network(NamedTuple):
    """An export, and how its kernels are laid out."""

    name: str
    architecture: str
    title: str
    columns: int


NETWORKS: Final = (
    Network("mnist-lenet5", "lenet5", "LeNet-5, C1", 6),
    Network("mnist-vgg", "vgg", "VGG, first convolution", 12),
)


def draw(folder: Path) -> Path:
    """Write `filters.png` into a folder, by the newest exports of mnist-lenet5 and mnist-vgg.

    Raises:
        DatasetError: one of them is not there, or came without its Keras model.
    """
    path = folder / "filters.png"
    learnt = [
        kernels(_exports.load(MODELS, network.name, network.architecture)) for network in NETWORKS
    ]
    with mpl.rc_context({**STYLE, "axes.grid": False}):
        figure = Figure(figsize=(10, 4.8))
        parts = figure.subfigures(2, 1, squeeze=False)[:, 0]
        for part, network, kernel in zip(parts, NETWORKS, learnt, strict=True):
            _draw(part, network, kernel)
        figure.savefig(path, dpi=120, metadata={"Software": None}, pil_kwargs={"optimize": True})
    return path


def kernels(model: keras.Model) -> NDArray[np.float32]:
    """The kernels of a model's first layer with weights, a convolution of grey images: (F, h, w).

    The layer's kernel is (h, w, 1, F).
    """
    kernel: NDArray[np.float32] = np.asarray(model.trainable_weights[0])
    return np.moveaxis(kernel.squeeze(axis=2), -1, 0)


def _draw(part: SubFigure, network: Network, learnt: NDArray[np.float32]) -> None:
    """All kernels of a network, row by row, on a scale that is symmetric about 0."""
    count, height, width = learnt.shape
    limit = float(np.abs(learnt).max())
    grid = part.subplots(-(-count // network.columns), network.columns, squeeze=False)
    for axes in grid.flat:
        axes.axis("off")
    for axes, kernel in zip(grid.flat, learnt, strict=False):
        shaded = axes.imshow(kernel, cmap="RdBu_r", vmin=-limit, vmax=limit)
    title = f"{network.title}: {count} kernels of {height}×{width}"
    part.suptitle(title, x=0.01, ha="left", weight="bold")
    part.colorbar(shaded, ax=grid, label="weight", pad=0.02)
