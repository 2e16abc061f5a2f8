"""The paper a digit stands on: its shade across the picture, and the side of it that ink lies on.

Looked for in a reduced picture of at most some 160 pixels a side.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_FAINTEST: Final = 16.0
"""Grey levels: a smaller difference from the paper is no ink."""

_SAMPLES: Final = 40
"""Pixels of the longer side that the paper's shade is fitted to: it is smooth."""


@dataclass(frozen=True)
class Paper:
    """The paper of one picture, and how ink differs from it."""

    shade: Floats
    """(6,): a quadratic in rows and columns that run −1…1 across the picture; see `_terms`."""
    polarity: int
    """1 where ink is lighter than the paper, −1 where it is darker."""
    contrast: float
    """How far ink differs from the paper, grey levels."""
    noise: float
    """Standard deviation of the paper's grain, grey levels."""

    def ink(self, picture: Floats, rows: Floats, columns: Floats) -> Floats:
        """How far `picture` (h, w) differs towards ink, at its places −1…1 in the whole one."""
        return np.float32(self.polarity) * (picture - _surface(self.shade, rows, columns))


def read_paper(picture: Floats) -> Paper | None:
    """The paper of a reduced picture (h, w), float32; None where nothing stands on it.

    A robust plane through the border ring, where there is least ink, then a quadratic through all
    that lies near it: uneven light is smooth, ink is not.
    """
    stride = max(1, max(picture.shape) // _SAMPLES)
    sample = picture[::stride, ::stride]
    rows, columns = (places(size)[::stride] for size in picture.shape)
    terms, values = _terms(rows, columns), sample.ravel()
    ring = np.ones(sample.shape, bool)
    margins = [max(1, round(size * 0.06)) for size in sample.shape]
    ring[margins[0] : -margins[0], margins[1] : -margins[1]] = False
    shade = np.zeros(6, np.float32)
    shade[:3] = _robust_plane(terms[ring.ravel(), :3], values[ring.ravel()])
    for _ in range(3):
        residual = values - terms @ shade
        near = np.abs(residual) < max(3 * _grain(residual), 6.0)
        if np.count_nonzero(near) < 24:
            break
        shade = _least_squares(terms[near], values[near])
    noise = _grain((values - terms @ shade)[near])
    residual = picture - _surface(shade, places(picture.shape[0]), places(picture.shape[1]))
    return _darker_or_lighter(residual.ravel(), shade, noise)


def _darker_or_lighter(residual: Floats, shade: Floats, noise: float) -> Paper | None:
    """Ink is on the side of the paper where more of the difference is."""
    best: Paper | None = None
    most = 0.0
    for polarity in (1, -1):
        ink = np.float32(polarity) * residual
        contrast = _contrast(ink)
        if contrast < max(_FAINTEST, 5 * noise):
            continue
        mass = float(ink[ink > 0.4 * contrast].sum())
        if mass > most:
            best, most = Paper(shade, polarity, contrast, noise), mass
    return best


def _contrast(ink: Floats) -> float:
    """The level of the ink: the median of what is above half of the near-greatest."""
    rank = min(ink.size - 1, max(3, ink.size // 400))
    near_greatest = float(np.partition(ink, -rank - 1)[-rank - 1])
    above = ink[ink > 0.5 * near_greatest]
    return _median(above) if near_greatest > 0 and above.size else 0.0


def _robust_plane(terms: Floats, values: Floats) -> Floats:
    """The least sum of absolute differences, by reweighted least squares: (3,)."""
    plane = np.array([_median(values), 0, 0], np.float32)
    for _ in range(6):
        weight = np.reciprocal(np.maximum(np.abs(values - terms @ plane), np.float32(1)))
        plane = _least_squares(terms, values, weight)
    return plane


def _least_squares(terms: Floats, values: Floats, weight: Floats | None = None) -> Floats:
    """The coefficients of least squared differences, drawn a little towards 0."""
    weighted = terms if weight is None else terms * weight[:, None]
    normal = weighted.T @ terms + 1e-3 * np.eye(terms.shape[1])
    return np.linalg.solve(normal, weighted.T @ values).astype(np.float32)


def _grain(residual: Floats) -> float:
    """The standard deviation, from the median: strokes do not count."""
    return 1.4826 * _median(np.abs(residual)) if residual.size else 0.0


def _median(values: Floats) -> float:
    """The upper middle value: NumPy's own median costs several times as much on a few values."""
    return float(np.partition(values, values.size // 2)[values.size // 2])


def places(size: int) -> Floats:
    """The middles of `size` pixels that share −1…1."""
    return (np.arange(size, dtype=np.float32) + np.float32(0.5)) * np.float32(2 / size) - 1


def _terms(rows: Floats, columns: Floats) -> Floats:
    """(h·w, 6): 1, y, x, y², x², xy of each pixel."""
    y = np.repeat(rows, columns.size)
    x = np.tile(columns, rows.size)
    return np.stack([np.ones_like(y), y, x, y * y, x * x, x * y], axis=1)


def _surface(shade: Floats, rows: Floats, columns: Floats) -> Floats:
    """The quadratic at rows (h,) × columns (w,): (h, w)."""
    level, y, x, yy, xx, xy = shade
    down = level + y * rows + yy * rows * rows
    across = x * columns + xx * columns * columns
    surface: Floats = (down[:, None] + across) + (xy * rows)[:, None] * columns
    return surface
