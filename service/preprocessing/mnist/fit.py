"""The fit `mnist`: an image of a digit, drawn or photographed → a digit as MNIST has them.

LeCun, Bottou, Bengio and Haffner, 1998, "Gradient-Based Learning Applied to Document Recognition",
Proc. IEEE 86(11), §III.A: the ink's bounding box scaled into 20×20 pixels with its aspect kept,
anti-aliased, and placed in 28×28 so that its centre of mass is the middle. Theirs began with clean
bilevel scans; here the ink has first to be found:

    despeckle → background (a smooth surface), polarity → components, those that are ink → crop
    → strokes too thin to be seen widened → 20×20 → contrast → 28×28

An image that is already MNIST's own is returned as it is.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from service.preprocessing.mnist.background import Background, estimate_background, places
from service.preprocessing.mnist.components import (
    Component,
    digit_components,
    find_components,
    inside_sheet,
    is_background,
    label,
    lies_along_border,
    together,
)
from service.preprocessing.mnist.placement import centered, in_20, is_mnist, standing

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
    background = estimate_background(coarse)
    found = None if background is None else _find(coarse, background, sheets=within < 2)
    if background is None or found is None:
        return None
    if found.sheet is not None:
        rows, columns = (slice(part.start * step, part.stop * step) for part in found.sheet)
        inside = _digit(calm[rows, columns], within=within + 1)
        if inside is not None:
            return inside
        found = _find(coarse, background, sheets=False) or found
    elif within and found.box.contact:
        return None  # what crosses the edge of a sheet says that it is none, but a patch of light
    if calm.shape == (28, 28) and found.background.polarity > 0:
        near = _grown(found.mask, 2)
        placed = standing(found.background.ink(coarse, places(28), places(28)) * near)
        if placed is not None:
            return placed
    return centered(in_20(_crop(calm, step, found)))


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

    background: Background
    mask: Mask
    """Its ink."""
    box: Component
    """All of its components as one."""
    sheet: tuple[slice, slice] | None
    """The inside of the sheet that it may stand on: rows, columns."""


def _find(coarse: Floats, background: Background, *, sheets: bool) -> _Found | None:
    """The digit in the reduced image; None where there is none."""
    labelled = _labelled(coarse, background)
    if not labelled.components:
        return None
    turned = None
    if is_background(labelled.components, labelled.labels > 0):
        turned = estimate_background(coarse, labelled.labels > 0)
    if turned is not None:
        background, labelled = turned, _labelled(coarse, turned)
    sheet = inside_sheet(labelled.components[0], labelled.labels) if sheets else None
    main = digit_components(labelled.components)[0]
    if turned is None and sheet is None and lies_along_border(main):
        local = background.following(coarse)
        closer = _labelled(coarse, local)
        if _is_shadow(coarse, labelled, closer):
            background, labelled = local, closer
    components = digit_components(labelled.components)
    if sum(component.mass for component in components) < 2.5 * background.contrast:
        return None
    kept = np.zeros(len(labelled.components) + 1, bool)
    kept[[component.number for component in components]] = True
    return _Found(background, kept[labelled.labels], together(components), sheet)


class _Labelled(NamedTuple):
    """The components on a background, numbered in `labels`, the one with the most ink first."""

    labels: NDArray[np.int32]
    components: list[Component]


def _labelled(coarse: Floats, background: Background) -> _Labelled:
    ink = background.ink(coarse, places(coarse.shape[0]), places(coarse.shape[1]))
    labels, count = label(ink > max(0.25 * background.contrast, 4 * background.noise))
    return _Labelled(labels, find_components(labels, count, ink))


def _is_shadow(coarse: Floats, labelled: _Labelled, closer: _Labelled) -> bool:
    """Whether the edge of a shadow was taken for ink.

    When the background is followed more closely, a digit is left that is smaller than the
    component, does not touch the border and has another shade.
    """
    if not closer.components:
        return False
    main, digit = digit_components(labelled.components)[0], digit_components(closer.components)[0]
    size = max(digit.bottom - digit.top, digit.right - digit.left)
    if lies_along_border(digit) or size < 0.15 * max(coarse.shape):
        return False
    inked = closer.labels == digit.number
    rest = (labelled.labels == main.number) & ~inked
    if np.count_nonzero(inked) > np.count_nonzero(rest):
        return False
    ground = float(coarse[labelled.labels == 0].mean())
    shadow, ink = float(coarse[rest].mean()), float(coarse[inked].mean())
    return min(abs(ink - shadow), abs(ink - ground)) > 0.25 * abs(shadow - ground)


def _crop(calm: NDArray[np.uint8], step: int, found: _Found) -> Floats:
    """The digit's ink at full size, other components left out, reduced to some `_MIDDLE` pixels."""
    background, mask, box, _ = found
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
    ink = background.ink(middle, row_places.astype(np.float32), column_places.astype(np.float32))
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
