"""The paper a digit stands on: its shade across the picture, the side of it ink lies on, and marks.

All of it is looked for in a reduced picture of at most some 160 pixels a side.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

_FAINTEST: Final = 16.0
"""Grey levels of the whole picture's: a smaller difference from the paper is no ink."""


@dataclass(frozen=True)
class Paper:
    """The paper of one picture, and how ink differs from it."""

    coefficients: Floats
    """(6,): the paper's shade, a quadratic in rows and columns that run −1…1."""
    polarity: int
    """1 where ink is lighter than the paper, −1 where it is darker."""
    contrast: float
    """How far ink differs from the paper, grey levels."""
    noise: float
    """Standard deviation of the paper's grain, grey levels."""

    def ink(self, picture: Floats, rows: Floats, columns: Floats) -> Floats:
        """How far `picture` (h, w) differs towards ink, at its places −1…1 in the whole one."""
        ink: Floats = self.polarity * (picture - _surface(self.coefficients, rows, columns))
        return ink


def read_paper(picture: Floats) -> Paper | None:
    """Fit the paper's shade to a reduced picture (h, w), and tell its ink from it.

    A robust plane through the border ring, where there is least ink, then a quadratic through
    all that lies near it: uneven light is smooth, ink is not. None where nothing differs.
    """
    height, width = picture.shape
    rows, columns = places(height), places(width)
    terms = _terms(rows, columns)
    values = picture.ravel()
    ring = np.ones((height, width), bool)
    edge_rows, edge_columns = max(1, round(height * 0.06)), max(1, round(width * 0.06))
    ring[edge_rows:-edge_rows, edge_columns:-edge_columns] = False
    chosen = ring.ravel()
    coefficients = np.zeros(6, np.float32)
    coefficients[:3] = _robust(terms[chosen, :3], values[chosen])
    for _ in range(3):
        residual = values - terms @ coefficients
        grain = _grain(residual[chosen])
        chosen = np.abs(residual) < max(3 * grain, 6.0)
        if chosen.sum() < 32:
            break
        coefficients = np.linalg.lstsq(
            terms[chosen].T @ terms[chosen] + 1e-3 * np.eye(6, dtype=np.float32),
            terms[chosen].T @ values[chosen],
            rcond=None,
        )[0].astype(np.float32)
    residual = values - terms @ coefficients
    return _polarity(residual, coefficients, _grain(residual[np.abs(residual) < 40]))


def _polarity(residual: Floats, coefficients: Floats, noise: float) -> Paper | None:
    """Ink is on the side of the paper where more of the difference is."""
    best: Paper | None = None
    most = 0.0
    for polarity in (1, -1):
        ink = polarity * residual
        contrast = _contrast(ink)
        if contrast < max(_FAINTEST, 5 * noise):
            continue
        mass = float(ink[ink > 0.4 * contrast].sum())
        if mass > most:
            best, most = Paper(coefficients, polarity, contrast, noise), mass
    return best


def _contrast(ink: Floats) -> float:
    """The level of the ink: the median of what is above half of the near-greatest."""
    rank = min(ink.size - 1, max(3, ink.size // 400))
    near_greatest = float(np.partition(ink, -rank - 1)[-rank - 1])
    above = ink[ink > 0.5 * near_greatest]
    return float(np.median(above)) if near_greatest > 0 and above.size else 0.0


def _robust(terms: Floats, values: Floats) -> Floats:
    """The least sum of absolute differences, by reweighted least squares."""
    coefficients = np.array([np.median(values), 0, 0], np.float32)
    for _ in range(8):
        weight = 1 / np.maximum(np.abs(values - terms @ coefficients), 1.0)
        weighted = terms * weight[:, None]
        normal = weighted.T @ terms + 1e-4 * np.eye(3, dtype=np.float32)
        coefficients = np.linalg.solve(normal, weighted.T @ values).astype(np.float32)
    return coefficients


def _grain(residual: Floats) -> float:
    """The standard deviation, from the median: strokes do not count."""
    return 1.4826 * float(np.median(np.abs(residual))) if residual.size else 0.0


def places(size: int) -> Floats:
    """The middles of `size` pixels that share −1…1."""
    return ((np.arange(size, dtype=np.float32) + 0.5) * (2 / size) - 1).astype(np.float32)


def _terms(rows: Floats, columns: Floats) -> Floats:
    """(h·w, 6): 1, y, x, y², x², xy of each pixel."""
    y = np.repeat(rows, columns.size)
    x = np.tile(columns, rows.size)
    return np.stack([np.ones_like(y), y, x, y * y, x * x, x * y], axis=1)


def _surface(coefficients: Floats, rows: Floats, columns: Floats) -> Floats:
    """The quadratic at rows (h,) × columns (w,): (h, w)."""
    level, y, x, yy, xx, xy = coefficients
    down = level + y * rows + yy * rows * rows
    across = x * columns + xx * columns * columns
    surface: Floats = (down[:, None] + across[None, :]) + (xy * rows)[:, None] * columns[None, :]
    return surface
