"""Marks on paper: the connected pieces of a mask, and which of them are the digit's ink."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

_SPECK: Final = 0.03
_APART: Final = 0.25
"""A mark's share of the largest mark's ink below which it is dirt: near to that one, and apart."""


class Mark(NamedTuple):
    """One connected piece: its box, rows top…bottom and columns left…right, ends excluded."""

    number: int
    mass: float
    top: int
    bottom: int
    left: int
    right: int
    contact: int
    """Pixels of the image's border that it touches."""


def label(mask: Mask) -> tuple[NDArray[np.int32], int]:
    """Number the 8-connected pieces of a mask: int32 (h, w), 0 where it is false, and their count.

    By runs of rows, joined where they touch (Rosenfeld and Pfaltz, 1966): a digit has a few
    hundred of them, so plain Python is quick enough.
    """
    height, width = mask.shape
    padded = np.zeros((height, width + 2), np.int8)
    padded[:, 1:-1] = mask
    steps = np.diff(padded, axis=1)
    rows, starts = np.nonzero(steps == 1)
    _, ends = np.nonzero(steps == -1)
    parent = list(range(len(rows)))

    def root(run: int) -> int:
        while parent[run] != run:
            parent[run] = parent[parent[run]]
            run = parent[run]
        return run

    row, start, end = rows.tolist(), starts.tolist(), ends.tolist()
    above = 0
    for run in range(len(row)):
        while above < run and (
            row[above] < row[run] - 1 or (row[above] == row[run] - 1 and end[above] < start[run])
        ):
            above += 1
        other = above
        while other < run and row[other] == row[run] - 1 and start[other] <= end[run]:
            parent[root(run)] = root(other)
            other += 1
    numbers: dict[int, int] = {}
    labels = np.zeros((height, width), np.int32)
    for run in range(len(row)):
        number = numbers.setdefault(root(run), len(numbers) + 1)
        labels[row[run], start[run] : end[run]] = number
    return labels, len(numbers)


def find_marks(labels: NDArray[np.int32], count: int, ink: Floats) -> list[Mark]:
    """The box, ink and border contact of each numbered piece, the most ink first."""
    rows, columns = np.nonzero(labels)
    numbers = labels[rows, columns]
    mass = np.bincount(numbers, ink[rows, columns], count + 1)
    far = max(labels.shape)
    top, left = (np.full(count + 1, far) for _ in range(2))
    bottom, right = (np.full(count + 1, -1) for _ in range(2))
    np.minimum.at(top, numbers, rows)
    np.maximum.at(bottom, numbers, rows)
    np.minimum.at(left, numbers, columns)
    np.maximum.at(right, numbers, columns)
    border = np.concatenate([labels[0], labels[-1], labels[1:-1, 0], labels[1:-1, -1]])
    contact = np.bincount(border, minlength=count + 1)
    table = zip(
        *(column.tolist() for column in (mass, top, bottom + 1, left, right + 1, contact)),
        strict=True,
    )
    marks = [Mark(number, *row) for number, row in enumerate(table) if number]
    return sorted(marks, key=lambda mark: -mark.mass)


def digit_marks(marks: list[Mark]) -> list[Mark]:
    """The marks that make the digit: the largest and what stands by it.

    A mark that lies along the image's border is a shadow or the edge of the page, as long as
    another mark can be the digit.
    """
    inner = [mark for mark in marks if not lies_along_border(mark)]
    if not inner or inner[0].mass < 0.02 * marks[0].mass:
        inner = marks
    main = inner[0]
    size = max(main.bottom - main.top, main.right - main.left)
    kept = [main]
    for mark in inner[1:]:
        near = _gap(mark, main) < 0.25 * size
        if mark.mass > (_SPECK if near else _APART) * main.mass:
            kept.append(mark)
    return kept


def together(marks: list[Mark]) -> Mark:
    """Several marks as one."""
    _, mass, top, bottom, left, right, contact = zip(*marks, strict=True)
    return Mark(0, sum(mass), min(top), max(bottom), min(left), max(right), sum(contact))


def lies_along_border(mark: Mark) -> bool:
    """Strokes that end at the border touch it by their width, edges and shadows by their length."""
    return mark.contact > 0.3 * (mark.bottom - mark.top + mark.right - mark.left)


def inside_of_sheet(mark: Mark, labels: NDArray[np.int32]) -> tuple[slice, slice] | None:
    """Rows and columns inside of a large rectangle: a sheet on a table, or what a frame surrounds.

    None where the mark is no such.
    """
    height, width = mark.bottom - mark.top, mark.right - mark.left
    if height * width < 0.2 * labels.size or min(height, width) < 12:
        return None
    band = labels[mark.top : mark.bottom, mark.left : mark.right] == mark.number
    down, across = max(1, height // 16), max(1, width // 16)
    inner = band[down:-down, across:-across]
    filled = np.count_nonzero(band) - np.count_nonzero(inner)
    if filled < 0.85 * (band.size - inner.size):
        return None
    return (
        slice(mark.top + down, mark.bottom - down),
        slice(mark.left + across, mark.right - across),
    )


def is_ground(marks: list[Mark], mask: Mask) -> bool:
    """Whether the marks are the ground around a digit that fills the image: cut-off pieces.

    Then they touch the border in several places, and what they leave hangs together.
    """
    total = sum(mark.mass for mark in marks)
    touching = [mark for mark in marks if mark.contact and mark.mass > 0.02 * total]
    if len(touching) < 2 or sum(mark.mass for mark in touching) < 0.5 * total:
        return False
    labels, count = label(~mask)
    largest = max(np.bincount(labels.ravel(), minlength=2)[1:], default=0)
    return count > 0 and bool(largest > 0.9 * np.count_nonzero(labels))


def _gap(one: Mark, other: Mark) -> float:
    """Pixels between two boxes, 0 where they overlap."""
    down = max(one.top - other.bottom, other.top - one.bottom, 0)
    across = max(one.left - other.right, other.left - one.right, 0)
    return float(np.hypot(down, across))
