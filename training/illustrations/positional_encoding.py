"""Sinusoidal positional encodings: the pattern of each position, and how alike positions are.

Vaswani et al., 2017 (arXiv:1706.03762), §3.5. To the left one row for each position: the fast
wavelengths tell neighbours apart, the slow ones far places. To the right the cosine between any two
rows: it depends on the distance alone, so the bands run along the diagonal.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from training.analysis.plots import STYLE
from training.layers.sinusoidal_positional_encoding import SinusoidalPositionalEncoding

LENGTH: Final = 96
"""T, positions."""
WIDTH: Final = 64
"""D, channels."""


def draw(folder: Path) -> Path:
    """Write `positional-encoding.png` into a folder."""
    path = folder / "positional-encoding.png"
    encoding = encodings()
    rows = encoding / np.linalg.norm(encoding, axis=1, keepdims=True)
    with mpl.rc_context({**STYLE, "axes.grid": False}):
        figure = Figure(figsize=(9.5, 4.6))
        left, right = figure.subplots(1, 2, width_ratios=(WIDTH, LENGTH))
        waves = left.imshow(encoding, cmap="RdBu_r", vmin=-1, vmax=1, aspect="auto")
        left.set(title="PE(t)", xlabel="channel", ylabel="position t")
        alike = right.imshow(rows @ rows.T, cmap="Blues", vmin=0, vmax=1)
        right.set(title="cosine of PE(s) and PE(t)", xlabel="position s", ylabel="position t")
        figure.colorbar(waves, ax=left)
        figure.colorbar(alike, ax=right)
        figure.savefig(path, metadata={"Software": None}, pil_kwargs={"optimize": True})
    return path


def encodings() -> NDArray[np.float32]:
    """What the layer adds to zeros, float32 (T, D)."""
    zeros = np.zeros((1, LENGTH, WIDTH), np.float32)
    encoding: NDArray[np.float32] = np.asarray(SinusoidalPositionalEncoding()(zeros))[0]
    return encoding
