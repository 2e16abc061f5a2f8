"""What emoji-clip finds: texts as rows, the drawings nearest to each as columns.

The drawings are the vendors' artwork: what this writes stays out of git.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from training.analysis.plots import STYLE
from training.datasets import emoji
from training.illustrations._encoders import Encoders

MODELS: Final = Path("models")
COLUMNS: Final = 8
QUERIES: Final = (
    *("sad cat", "something to eat at the beach", "vehicle that flies", "angry"),
    *("music", "cold weather", "I am in love", "red heart"),
)


def draw(folder: Path) -> Path:
    """Write `retrieved_emoji.png` into a folder, by the newest export of emoji-clip.

    Each thing is shown once, as the vendor drew it whose drawing lies nearest.

    Raises:
        DatasetError: there is no such export, or the emoji are missing.
    """
    encoders, dataset = Encoders.load(MODELS, "emoji-clip"), emoji.load()
    drawn = np.stack([dataset.images[vendor][dataset.test] for vendor in dataset.vendors])
    asked = encoders.texts(QUERIES)
    scores = np.stack([asked @ encoders.images(images).T for images in drawn])  # (V, Q, M)
    path = folder / "retrieved_emoji.png"
    with mpl.rc_context({**STYLE, "axes.grid": False}):
        figure = Figure(figsize=(COLUMNS * 0.9 + 2.6, len(QUERIES) * 0.95))
        grid = figure.subplots(
            len(QUERIES), COLUMNS, gridspec_kw={"left": 0.26, "right": 0.99}, squeeze=False
        )
        for row, (query, cells) in enumerate(zip(QUERIES, grid, strict=True)):
            best = np.argsort(-scores[:, row].max(axis=0), kind="stable")
            for axes, thing in zip(cells, best, strict=False):
                axes.imshow(drawn[scores[:, row, thing].argmax(), thing])
                axes.set_title(f"{scores[:, row, thing].max():.2f}", fontsize=7, pad=2)
            cells[0].text(-0.15, 0.5, query, transform=cells[0].transAxes, ha="right", va="center")
        for axes in grid.flat:
            axes.axis("off")
        figure.savefig(path, dpi=100, metadata={"Software": None})
    return path
