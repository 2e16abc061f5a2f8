"""A digit as MNIST has them: ink in a box of 20×20, centred by mass in 28×28, light on dark."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

_THINNEST: Final = 1.9
"""Pixels of 20: thinner strokes are widened to this; MNIST's own are 1.5–4 wide."""


_MOMENTS: Final = np.stack(
    [np.ones(784), np.repeat(np.arange(28), 28), np.tile(np.arange(28), 28)]
).astype(np.float32)
"""(3, 784): sums 28×28 pixels, and weighs them by row and by column."""


def is_mnist(image: NDArray[np.uint8]) -> bool:
    """Whether 28×28 pixels have the components of the set's own making, which all 70,000 show.

    Much pure black, some pure white, a box whose longer side is 20 (a few: 19), and a centre of
    mass in the middle to half a pixel. By bytes, where they are quicker than arrays of this size.
    """
    by_row = image.tobytes()
    if by_row.count(0) < 420 or not (b"\xff" in by_row or b"\xfe" in by_row):
        return False
    by_column = image.T.tobytes()
    longer = max(_lines(by_row), _lines(by_column))
    if not 19 <= longer <= 20:
        return False
    mass, row, column = (_MOMENTS @ image.ravel().astype(np.float32)).tolist()
    return bool(max(abs(row / mass - 14), abs(column / mass - 14)) <= 0.55)


def _lines(pixels: bytes) -> int:
    """Lines of 28 pixels from the first to the last that is not all black."""
    last = len(pixels.rstrip(b"\0")) - 1
    first = len(pixels) - len(pixels.lstrip(b"\0"))
    return last // 28 - first // 28 + 1


def standing(ink: Floats) -> NDArray[np.uint8] | None:
    """28×28 ink that stands as MNIST's does, cleaned and left in its place; None elsewhere.

    Noise moves a box by a pixel: scaling by 19/20 would only blur what is right already.
    """
    level, top, bottom, left, right = _extent(ink)
    if not 18 <= max(bottom - top, right - left) <= 21:
        return None
    clean = np.clip(ink * np.float32(1 / level), 0, 1)
    middle, mass = np.arange(28) - 14, float(clean.sum())
    off = max(abs(clean.sum(1) @ middle), abs(clean.sum(0) @ middle)) / mass
    return np.rint(clean * 255).astype(np.uint8) if off < 0.8 else None


def _extent(ink: Floats) -> tuple[float, int, int, int, int]:
    """The level of full ink, and the box of what is ink: top, bottom, left, right, ends excluded.

    The box is empty where there is no ink.
    """
    rank = -max(1, ink.size // 100)
    near_greatest = float(np.partition(ink.ravel(), rank)[rank])
    level = float(np.median(ink[ink >= 0.5 * near_greatest]))
    mask = ink > 0.35 * level
    rows, columns = np.nonzero(mask.any(1))[0], np.nonzero(mask.any(0))[0]
    if level <= 0 or not rows.size:
        return 1.0, 0, 0, 0, 0
    return level, int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1


def in_20(ink: Floats) -> Floats:
    """The ink scaled so that its box's longer side is 20, 0–1."""
    level, top, bottom, left, right = _extent(ink)
    if top == bottom:
        return np.zeros((1, 1), np.float32)
    longer = max(bottom - top, right - left)
    stretched: Floats = ink * np.float32(1.25 / level) - np.float32(0.15)
    np.clip(stretched, 0, 1, out=stretched)
    ink = _widened(stretched, longer)
    height = max(1, round(20 * (bottom - top) / longer))
    width = max(1, round(20 * (right - left) / longer))
    down = _weights(ink.shape[0], top, bottom, height)
    across = _weights(ink.shape[1], left, right, width)
    small = (down @ ink @ across.T).astype(np.float32)
    most = float(np.partition(small.ravel(), -3)[-3]) if small.size > 3 else float(small.max())
    lit: Floats = np.minimum(small * np.float32(1 / max(most, 1e-3)), np.float32(1))
    return lit


def _widened(ink: Floats, longer: int) -> Floats:
    """Widen strokes thinner than `_THINNEST` at 20 pixels: area averaging fades them."""
    area, mask = float(ink.sum()), ink > 0.3
    edges = np.count_nonzero(mask[1:] != mask[:-1]) + np.count_nonzero(mask[:, 1:] != mask[:, :-1])
    half_perimeter = edges * 0.5 * 0.785 + 1e-3
    stroke = (half_perimeter - np.sqrt(max(half_perimeter**2 - 4 * area, 0))) / 2
    missing = _THINNEST * longer / 20 - stroke
    for turn in range(round(missing / 2)):
        framed = np.pad(ink, 1)
        cross = np.maximum(framed[:-2, 1:-1], framed[2:, 1:-1])
        cross = np.maximum(cross, np.maximum(framed[1:-1, :-2], framed[1:-1, 2:]))
        if turn % 2:  # a square's turn: between them they make an octagon
            corners = np.maximum(framed[:-2, :-2], framed[2:, 2:])
            corners = np.maximum(corners, np.maximum(framed[:-2, 2:], framed[2:, :-2]))
            cross = np.maximum(cross, corners)
        ink = np.maximum(ink, cross)
    return ink


def _weights(size: int, start: int, stop: int, count: int) -> Floats:
    """(count, size): what each of `size` pixels gives to each of `count` that share start…stop.

    Reducing, the part of each pixel that is covered (area averaging); enlarging, linear.
    """
    scale = (stop - start) / count
    middles = start + (np.arange(count) + 0.5) * scale
    reach = max(scale, 1.0)
    pixels = np.arange(size) + 0.5
    distance = np.abs(middles[:, None] - pixels)
    if scale >= 1:
        weights = np.clip((reach + 1) / 2 - distance, 0, 1)
    else:
        weights = np.maximum(1 - distance, 0)
    shares: Floats = (weights / np.maximum(weights.sum(1, keepdims=True), 1e-6)).astype(np.float32)
    return shares


def centered(small: Floats) -> NDArray[np.uint8]:
    """Place up to 20×20 in 28×28 so that the centre of mass is the middle: uint8."""
    height, width = small.shape
    mass = float(small.sum())
    if mass <= 0:
        return np.zeros((28, 28), np.uint8)
    row = float(small.sum(1) @ np.arange(height)) / mass
    column = float(small.sum(0) @ np.arange(width)) / mass
    top = min(max(round(14 - row), 0), 28 - height)
    left = min(max(round(14 - column), 0), 28 - width)
    digit = np.zeros((28, 28), np.uint8)
    digit[top : top + height, left : left + width] = np.rint(small * 255)
    return digit
