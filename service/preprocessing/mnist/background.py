"""The background of a digit: its shade across the image, and whether ink is darker or lighter.

It is estimated in a reduced image of at most about 160 pixels a side.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

_FAINTEST: Final = 16.0
"""Gray levels: a smaller difference from the background is no ink."""

_UNEVEN: Final = 50.0
"""Gray levels: how far the background's shade may lie from its most frequent one at first sight."""

_SAMPLES: Final = 36
"""Pixels of the longer side that the shade is fitted to: enough, and BLAS starts no threads."""

_LEVEL: Final = np.array([1, 0, 0, 0, 0, 0], np.float32)
"""The same shade everywhere, as coefficients of `_terms`."""


@dataclass(frozen=True)
class Background:
    """The background of one image, and how ink differs from it."""

    shade: Floats
    """(6,): a quadratic in rows and columns that run −1…1 across the image; see `_terms`."""
    polarity: int
    """1 where ink is lighter than the background, −1 where it is darker."""
    contrast: float
    """How far ink differs from the background, gray levels."""
    noise: float
    """Standard deviation of the background's grain, gray levels."""

    ground: Floats | None = None
    """(h, w): the shade followed from place to place instead, where no quadratic describes it."""

    def ink(self, image: Floats, rows: Floats, columns: Floats) -> Floats:
        """How far `image` (h, w) differs towards ink, at its places −1…1 in the whole one."""
        if self.ground is None:
            shade = _surface(self.shade, rows, columns)
        else:
            shade = _between(_between(self.ground, rows).T, columns).T
        ink: Floats = np.float32(self.polarity) * (image - shade)
        return ink

    def following(self, image: Floats) -> Background:
        """The same background, its shade followed across hard shadows; the polarity told anew.

        Gray closing, or opening where ink is light, by a square a fifth of the image wide: wider
        than a stroke. By a narrow one, strokes stand out where the holes of digits do not.
        """
        size = max(image.shape)
        narrow = {polarity: _closed(image, polarity, size // 25) for polarity in (1, -1)}
        mass = {p: float(np.abs(image - narrow[p]).sum()) for p in narrow}
        polarity = max(mass, key=mass.__getitem__)
        ground = _closed(image, polarity, size // 10)
        contrast = _contrast((polarity * (image - ground)).ravel())
        return Background(self.shade, polarity, max(contrast, _FAINTEST), self.noise, ground)


def _closed(image: Floats, polarity: int, reach: int) -> Floats:
    """The image without what is dark (polarity −1) or light (1) and narrower than 2 · reach."""
    first, second = (np.maximum, np.minimum) if polarity < 0 else (np.minimum, np.maximum)
    for choose in (first, second):
        for axis in (0, 1):
            width = [(reach, reach) if each == axis else (0, 0) for each in (0, 1)]
            framed = np.pad(image, width, mode="edge")
            windows = np.lib.stride_tricks.sliding_window_view(framed, 2 * reach + 1, axis=axis)
            image = choose.reduce(windows, axis=-1)
    return image


def _between(values: Floats, at: Floats) -> Floats:
    """Rows of `values` (h, w) at places −1…1, linearly between them: (places, w)."""
    position = np.clip((at + 1) * np.float32(len(values) / 2) - np.float32(0.5), 0, len(values) - 1)
    lower = np.minimum(position.astype(np.int64), max(0, len(values) - 2))
    share = (position - lower).astype(np.float32)[:, None]
    upper = np.minimum(lower + 1, len(values) - 1)
    between: Floats = values[lower] * (1 - share) + values[upper] * share
    return between


def estimate_background(image: Floats, on_paper: Mask | None = None) -> Background | None:
    """The background of a reduced image (h, w), float32; None where nothing stands on it.

    It starts from the shade that most of the border has, where there is least ink, or from pixels
    known to be background, and takes in all that lies near a quadratic through it: uneven light is
    smooth, ink is not.
    """
    stride = -(-max(image.shape) // _SAMPLES)
    rows, columns = (places(size)[::stride] for size in image.shape)
    values = image[::stride, ::stride].ravel()
    if on_paper is None or not on_paper[::stride, ::stride].any():
        ring = values[_ring((rows.size, columns.size)).ravel()]
        if _is_blank(ring, values):
            return _darker_or_lighter((image - ring[0]).ravel(), ring[0] * _LEVEL, 0.0)
        near = np.abs(values - _densest(ring)) < _UNEVEN
    else:
        near = on_paper[::stride, ::stride].ravel()
    shade = _median(values[near]) * _LEVEL
    terms = _terms(rows, columns)
    noise = 0.0
    for count in (3, 6, 6, 6):
        if np.count_nonzero(near) < 2 * count:
            break
        shade[:count] = _least_squares(terms[near, :count], values[near])
        residual = np.abs(values - terms @ shade)
        noise = 1.4826 * _median(residual[near])
        near = residual < max(3 * noise, 8.0)
    residual = image - _surface(shade, places(image.shape[0]), places(image.shape[1]))
    return _darker_or_lighter(residual.ravel(), shade, noise)


def _ring(shape: tuple[int, int]) -> Mask:
    """The border of an image, a sixteenth of each side wide."""
    ring = np.ones(shape, bool)
    down, across = (max(1, size // 16) for size in shape)
    ring[down:-down, across:-across] = False
    return ring


def _is_blank(ring: Floats, values: Floats) -> bool:
    """Whether the background has one shade, as on a screen, so that nothing has to be fitted."""
    return bool(np.ptp(ring) == 0 and np.count_nonzero(values == ring[0]) > values.size // 2)


def _densest(values: Floats) -> float:
    """The middle of the stretch of `_UNEVEN` gray levels that holds the most of the values."""
    ordered = np.sort(values)
    held = np.searchsorted(ordered, ordered + _UNEVEN, side="right") - np.arange(ordered.size)
    start = int(held.argmax())
    return float(ordered[start + int(held[start]) // 2])


def _darker_or_lighter(residual: Floats, shade: Floats, noise: float) -> Background | None:
    """Ink is on the side of the background where more of the difference is."""
    best: Background | None = None
    most = 0.0
    for polarity in (1, -1):
        ink = np.float32(polarity) * residual
        contrast = _contrast(ink)
        if contrast < max(_FAINTEST, 5 * noise):
            continue
        mass = float(ink[ink > 0.4 * contrast].sum())
        if mass > most:
            best, most = Background(shade, polarity, contrast, noise), mass
    return best


def _contrast(ink: Floats) -> float:
    """The level of the ink: the median of what is above half of the near-greatest."""
    rank = min(ink.size - 1, max(3, ink.size // 2500))
    near_greatest = float(np.partition(ink, -rank - 1)[-rank - 1])
    above = ink[ink > 0.5 * near_greatest]
    return _median(above) if near_greatest > 0 and above.size else 0.0


def _least_squares(terms: Floats, values: Floats) -> Floats:
    """The coefficients of least squared differences, drawn a little towards 0."""
    normal = terms.T @ terms + 1e-3 * np.eye(terms.shape[1])
    return np.linalg.solve(normal, terms.T @ values).astype(np.float32)


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
