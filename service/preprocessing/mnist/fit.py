"""The fit `mnist`: an image of a digit, drawn or photographed → a digit as MNIST has them.

LeCun, Bottou, Bengio and Haffner, 1998, "Gradient-Based Learning Applied to Document Recognition",
Proc. IEEE 86(11), §III.A: the ink's bounding box scaled into 20×20 pixels with its aspect kept,
anti-aliased, and placed in 28×28 so that its centre of mass is the middle. Theirs began with clean
bilevel scans; here the ink has first to be found:

    despeckle → paper (a smooth surface), polarity → marks, those that are ink → crop
    → strokes too thin to be seen widened → 20×20 → contrast → 28×28

An image that is already MNIST's own is returned as it is.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from service.preprocessing.mnist.background import Paper, places, read_paper
from service.preprocessing.mnist.components import (
    Mark,
    digit_marks,
    find_marks,
    inside_of_sheet,
    is_ground,
    label,
    lies_along_border,
    together,
)
from service.preprocessing.mnist.placement import centred, in_20, is_mnist, standing

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

_COARSE: Final = 160
"""Pixels of the longer side at which the ink is looked for."""

_MIDDLE: Final = 80
"""Pixels of the ink's longer side at which strokes are measured."""


def fit(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Greyscale uint8 (H, W) of any size and polarity → uint8 (28, 28), light on dark.

    An image without ink gives zeros.
    """
    if image.shape == (28, 28) and is_mnist(image):
        return image
    digit = _digit(_despeckle(image))
    return np.zeros((28, 28), np.uint8) if digit is None else digit


def _digit(calm: NDArray[np.uint8], *, within: int = 0) -> NDArray[np.uint8] | None:
    """The digit on an image free of specks, `within` so many sheets; None without ink."""
    step = -(-max(calm.shape) // _COARSE)
    coarse = _reduced(calm, step)
    paper = read_paper(coarse)
    found = None if paper is None else _find(coarse, paper, sheets=within < 2)
    if paper is None or found is None:
        return None
    if found.sheet is not None:
        rows, columns = (slice(part.start * step, part.stop * step) for part in found.sheet)
        inside = _digit(calm[rows, columns], within=within + 1)
        if inside is not None:
            return inside
        found = _find(coarse, paper, sheets=False) or found
    elif within and found.box.contact:
        return None  # what crosses the edge of a sheet says that it is none, but a patch of light
    if calm.shape == (28, 28) and found.paper.polarity > 0:
        near = _grown(found.mask, 2)
        placed = standing(found.paper.ink(coarse, places(28), places(28)) * near)
        if placed is not None:
            return placed
    return centred(in_20(_crop(calm, step, found)))


def _despeckle(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Bring each pixel between the least and the greatest of its 8 neighbours.

    Salt and pepper go; a line one pixel wide has neighbours of its own and stays.
    """
    if min(image.shape) < 3:
        return image
    framed = np.pad(image, 1, mode="reflect")
    centre = framed[1:-1]
    result = image
    for choose, limit in ((np.maximum, np.minimum), (np.minimum, np.maximum)):
        outer = choose(framed[:-2], framed[2:])
        three = choose(choose(outer[:, :-2], outer[:, 1:-1]), outer[:, 2:])
        eight = choose(three, choose(centre[:, :-2], centre[:, 2:]))
        result = limit(result, eight)
    return result


def _reduced(image: NDArray[np.uint8], step: int) -> Floats:
    """Means of step × step pixels, the last ones of fewer: float32."""
    if step == 1:
        return image.astype(np.float32)
    height, width = image.shape
    short, narrow = -(-height // step), -(-width // step)
    rows = np.zeros((short, width), np.uint32)
    sums = np.zeros((short, narrow), np.uint32)
    for offset in range(step):  # slices added up: many times quicker than reduceat
        each = image[offset::step]
        rows[: len(each)] += each
    for offset in range(step):
        each = rows[:, offset::step]
        sums[:, : each.shape[1]] += each
    tall = np.full(short, step, np.float32)
    wide = np.full(narrow, step, np.float32)
    tall[-1], wide[-1] = height - (short - 1) * step, width - (narrow - 1) * step
    means: Floats = sums.astype(np.float32) / (tall[:, None] * wide)
    return means


class _Found(NamedTuple):
    """The digit in the reduced image."""

    paper: Paper
    mask: Mask
    """Its ink."""
    box: Mark
    """All of its marks as one."""
    sheet: tuple[slice, slice] | None
    """The inside of the sheet that it may stand on: rows, columns."""


def _find(coarse: Floats, paper: Paper, *, sheets: bool) -> _Found | None:
    """The digit in the reduced image; None where there is none."""
    marked = _marked(coarse, paper)
    if not marked.marks:
        return None
    turned = None
    if is_ground(marked.marks, marked.labels > 0):
        turned = read_paper(coarse, marked.labels > 0)
    if turned is not None:
        paper, marked = turned, _marked(coarse, turned)
    sheet = inside_of_sheet(marked.marks[0], marked.labels) if sheets else None
    main = digit_marks(marked.marks)[0]
    if turned is None and sheet is None and lies_along_border(main):
        local = paper.followed(coarse)
        closer = _marked(coarse, local)
        if _is_shadow(coarse, marked, closer):
            paper, marked = local, closer
    marks = digit_marks(marked.marks)
    if sum(mark.mass for mark in marks) < 2.5 * paper.contrast:
        return None
    kept = np.zeros(len(marked.marks) + 1, bool)
    kept[[mark.number for mark in marks]] = True
    return _Found(paper, kept[marked.labels], together(marks), sheet)


class _Marked(NamedTuple):
    """Everything on a paper: pieces numbered in `labels`, and what they are, the most ink first."""

    labels: NDArray[np.int32]
    marks: list[Mark]


def _marked(coarse: Floats, paper: Paper) -> _Marked:
    ink = paper.ink(coarse, places(coarse.shape[0]), places(coarse.shape[1]))
    labels, count = label(ink > max(0.25 * paper.contrast, 4 * paper.noise))
    return _Marked(labels, find_marks(labels, count, ink))


def _is_shadow(coarse: Floats, marked: _Marked, closer: _Marked) -> bool:
    """Whether a shadow's edge was taken for ink: followed closer, the paper leaves a digit on it
    that is smaller than that mark, clear of the border and of another shade than the mark.
    """
    if not closer.marks:
        return False
    main, digit = digit_marks(marked.marks)[0], digit_marks(closer.marks)[0]
    size = max(digit.bottom - digit.top, digit.right - digit.left)
    if lies_along_border(digit) or size < 0.15 * max(coarse.shape):
        return False
    inked = closer.labels == digit.number
    rest = (marked.labels == main.number) & ~inked
    if np.count_nonzero(inked) > np.count_nonzero(rest):
        return False
    ground = float(coarse[marked.labels == 0].mean())
    shadow, ink = float(coarse[rest].mean()), float(coarse[inked].mean())
    return min(abs(ink - shadow), abs(ink - ground)) > 0.25 * abs(shadow - ground)


def _crop(calm: NDArray[np.uint8], step: int, found: _Found) -> Floats:
    """The digit's ink at full size, other marks left out, reduced to some `_MIDDLE` pixels."""
    paper, mask, box, _ = found
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
        # np.pad takes ten times as long
        framed = np.zeros((mask.shape[0] + 2, mask.shape[1] + 2), bool)
        framed[1:-1, 1:-1] = mask
        rows = framed[:-2] | framed[1:-1] | framed[2:]
        mask = rows[:, :-2] | rows[:, 1:-1] | rows[:, 2:]
    return mask
