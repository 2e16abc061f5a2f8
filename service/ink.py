"""The fit `mnist`: a picture of a digit, drawn or photographed → a digit as MNIST has them.

LeCun, Bottou, Bengio and Haffner, 1998, "Gradient-Based Learning Applied to Document Recognition",
Proc. IEEE 86(11), §III.A: the ink's bounding box scaled into 20×20 pixels with its aspect kept,
anti-aliased, and placed in 28×28 so that its centre of mass is the middle. Theirs began with clean
bilevel scans; here the ink has first to be found:

    despeckle → paper (a smooth surface), polarity → marks, those that are ink → crop
    → strokes too thin to be seen widened → 20×20 → contrast → 28×28

A picture that is already MNIST's own is returned as it is.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from service.marks import Mark, digit_marks, find_marks, label
from service.paper import Paper, places, read_paper

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

_COARSE: Final = 160
"""Pixels of the longer side at which the ink is looked for."""

_MIDDLE: Final = 80
"""Pixels of the ink's longer side at which strokes are measured."""

_THINNEST: Final = 1.9
"""Pixels of 20: thinner strokes are widened to this; MNIST's own are 1.5–4 wide."""


def fit(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Greyscale uint8 (H, W) of any size and polarity → uint8 (28, 28), light on dark.

    A picture without ink gives zeros.
    """
    if picture.shape == (28, 28) and _is_mnist(picture):
        return picture
    calm = _despeckle(picture)
    step = max(1, -(-max(calm.shape) // _COARSE))
    coarse = _reduced(calm, step)
    paper = read_paper(coarse)
    kept = None if paper is None else _find(coarse, paper)
    if paper is None or kept is None:
        return np.zeros((28, 28), np.uint8)
    ink = _crop(calm, step, paper, *kept)
    if ink.size == 0:
        return np.zeros((28, 28), np.uint8)
    return _centred(_in_20(ink, paper))


def _is_mnist(picture: NDArray[np.uint8]) -> bool:
    """Whether 28×28 pixels have the marks of the set's own making, which all 70,000 show.

    Much pure black, some pure white, a box whose longer side is 20 (a few: 19), and a centre of
    mass in the middle to half a pixel.
    """
    if picture.tobytes().count(0) < 420 or picture.max() < 254:
        return False
    down, across = picture.sum(1, np.int64), picture.sum(0, np.int64)
    rows, columns = down.nonzero()[0], across.nonzero()[0]
    longer = max(rows[-1] - rows[0], columns[-1] - columns[0]) + 1
    if not 19 <= longer <= 20:
        return False
    mass, middle = down.sum(), np.arange(28)
    off = max(abs(down @ middle / mass - 14), abs(across @ middle / mass - 14))
    return bool(off <= 0.55)


def _despeckle(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Bring each pixel between the least and the greatest of its 8 neighbours.

    Salt and pepper go; a line one pixel wide has neighbours of its own and stays.
    """
    if min(picture.shape) < 3:
        return picture
    framed = np.pad(picture, 1, mode="reflect")
    centre = framed[1:-1]
    result = picture
    for choose, limit in ((np.maximum, np.minimum), (np.minimum, np.maximum)):
        outer = choose(framed[:-2], framed[2:])
        three = choose(choose(outer[:, :-2], outer[:, 1:-1]), outer[:, 2:])
        eight = choose(three, choose(centre[:, :-2], centre[:, 2:]))
        result = limit(result, eight)
    return result


def _reduced(picture: NDArray[np.uint8], step: int) -> Floats:
    """Means of step × step pixels, the last ones of fewer: float32."""
    if step == 1:
        return picture.astype(np.float32)
    height, width = picture.shape
    short, narrow = -(-height // step), -(-width // step)
    rows = np.zeros((short, width), np.uint32)
    sums = np.zeros((short, narrow), np.uint32)
    for offset in range(step):  # slices added up: many times quicker than reduceat
        each = picture[offset::step]
        rows[: len(each)] += each
    for offset in range(step):
        each = rows[:, offset::step]
        sums[:, : each.shape[1]] += each
    tall = np.full(short, step, np.float32)
    wide = np.full(narrow, step, np.float32)
    tall[-1], wide[-1] = height - (short - 1) * step, width - (narrow - 1) * step
    means: Floats = sums.astype(np.float32) / (tall[:, None] * wide)
    return means


def _find(coarse: Floats, paper: Paper) -> tuple[Mask, Mark] | None:
    """The mask of the digit's ink in the reduced picture, and its box; None where there is none."""
    ink = paper.ink(coarse, places(coarse.shape[0]), places(coarse.shape[1]))
    labels, count = label(ink > max(0.35 * paper.contrast, 3.5 * paper.noise))
    if not count:
        return None
    marks = digit_marks(find_marks(labels, count, ink), coarse.shape)
    if sum(mark.mass for mark in marks) < 2.5 * paper.contrast:
        return None
    box = Mark(
        0,
        0.0,
        min(mark.top for mark in marks),
        max(mark.bottom for mark in marks),
        min(mark.left for mark in marks),
        max(mark.right for mark in marks),
        0,
    )
    return np.isin(labels, [mark.number for mark in marks]), box


def _crop(calm: NDArray[np.uint8], step: int, paper: Paper, mask: Mask, box: Mark) -> Floats:
    """The digit's ink at full size, other marks left out, reduced to some `_MIDDLE` pixels."""
    height, width = calm.shape
    coarse_height, coarse_width = mask.shape
    top, bottom = max(0, box.top - 2), min(coarse_height, box.bottom + 2)
    left, right = max(0, box.left - 2), min(coarse_width, box.right + 2)
    near = _grown(mask[top:bottom, left:right], 2)
    rows = slice(top * step, min(height, bottom * step))
    columns = slice(left * step, min(width, right * step))
    crop = calm[rows, columns]
    finer = max(1, max(crop.shape) // _MIDDLE)
    middle = _reduced(crop, finer)
    row_places = (rows.start + (np.arange(middle.shape[0]) + 0.5) * finer) * (2 / height) - 1
    column_places = (columns.start + (np.arange(middle.shape[1]) + 0.5) * finer) * (2 / width) - 1
    ink = paper.ink(middle, row_places.astype(np.float32), column_places.astype(np.float32))
    near_rows = np.minimum((np.arange(middle.shape[0]) * finer) // step, near.shape[0] - 1)
    near_columns = np.minimum((np.arange(middle.shape[1]) * finer) // step, near.shape[1] - 1)
    return ink * near[np.ix_(near_rows, near_columns)]


def _grown(mask: Mask, pixels: int) -> Mask:
    """The mask and what lies within so many pixels of it."""
    for _ in range(pixels):
        framed = np.pad(mask, 1)
        rows = framed[:-2] | framed[1:-1] | framed[2:]
        mask = rows[:, :-2] | rows[:, 1:-1] | rows[:, 2:]
    return mask


def _in_20(ink: Floats, paper: Paper) -> Floats:
    """The ink scaled so that its box's longer side is 20, 0–1."""
    rank = -max(1, ink.size // 100)
    near_greatest = float(np.partition(ink.ravel(), rank)[rank])
    level = float(np.median(ink[ink >= 0.5 * near_greatest]))
    mask = ink > 0.35 * level
    rows, columns = np.nonzero(mask.any(1))[0], np.nonzero(mask.any(0))[0]
    if not rows.size:
        return np.zeros((1, 1), np.float32)
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    longer = max(bottom - top, right - left)
    stretched: Floats = np.clip(ink * np.float32(1.25 / level) - np.float32(0.15), 0, 1)
    ink = _widened(stretched, mask, longer)
    height = max(1, round(20 * (bottom - top) / longer))
    width = max(1, round(20 * (right - left) / longer))
    down = _weights(ink.shape[0], top, bottom, height)
    across = _weights(ink.shape[1], left, right, width)
    small: Floats = down @ ink @ across.T
    most = float(np.partition(small.ravel(), -3)[-3]) if small.size > 3 else float(small.max())
    lit: Floats = np.minimum(small * np.float32(1 / max(most, 1e-3)), np.float32(1))
    return lit


def _widened(ink: Floats, mask: Mask, longer: int) -> Floats:
    """Widen strokes thinner than `_THINNEST` at 20 pixels: area averaging fades them."""
    area = float(ink.sum())
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


def _centred(small: Floats) -> NDArray[np.uint8]:
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
