"""The space of emoji-clip in two dimensions: images and names, coloured by Unicode's groups.

The projection is onto the first two principal components of the names' vectors, one for images
and names alike; the share of the variance that they show stands at the axes. Dots are the images
of the first vendor, rings the names.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from training.analysis.plots import STYLE
from training.datasets import emoji
from training.illustrations._encoders import Encoders

MODELS: Final = Path("models")

Points = NDArray[np.float32]
"""(N, 2)."""


def draw(folder: Path) -> Path:
    """Write `embedding_space.png` into a folder, by the newest export of emoji-clip.

    Raises:
        DatasetError: there is no such export, or the emoji are missing.
    """
    encoders, dataset = Encoders.load(MODELS, "emoji-clip"), emoji.load()
    concepts = [dataset.concepts[index] for index in dataset.test]
    names = encoders.texts([concept.name for concept in concepts])
    images = encoders.images(dataset.images[dataset.vendors[0]][dataset.test])
    axes_of, shares = principal(names)
    middle = names.mean(axis=0)
    groups = np.array([concept.group for concept in concepts])
    path = folder / "embedding_space.png"
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(9, 6.5), layout="constrained")
        axes = figure.subplots()
        _scatter(axes, (images - middle) @ axes_of, (names - middle) @ axes_of, groups)
        axes.set_xlabel(f"first component ({shares[0]:.1%} of the names' variance)")
        axes.set_ylabel(f"second component ({shares[1]:.1%})")
        axes.set_title("emoji-clip: images (dots) and names (rings)")
        figure.savefig(path, dpi=120, metadata={"Software": None})
    return path


def principal(rows: NDArray[np.float32]) -> tuple[Points, Points]:
    """The two directions in which rows (N, D) differ most, (D, 2), and their variance's shares."""
    _, values, directions = np.linalg.svd(rows - rows.mean(axis=0), full_matrices=False)
    return directions[:2].T, values[:2] ** 2 / (values**2).sum()


def _scatter(axes: Axes, images: Points, names: Points, groups: NDArray[np.str_]) -> None:
    for number, group in enumerate(sorted(set(groups.tolist()))):
        chosen, colour = groups == group, f"C{number}"
        across, up = images[chosen].T
        axes.scatter(across, up, s=6, color=colour, alpha=0.5, linewidths=0)
        across, up = names[chosen].T
        axes.scatter(
            across, up, s=14, facecolors="none", edgecolors=colour, linewidths=0.6, label=group
        )
    axes.legend(fontsize="small", loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
