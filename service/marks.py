"""Marks on paper: the connected pieces of a mask, and which of them are the digit's ink."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

_SPECK: Final = 0.03
"""A mark's share of the largest mark's ink below which it is dirt, unless it is close and dark."""


class Mark(NamedTuple):
    """One connected piece: its box, rows top…bottom and columns left…right, ends excluded."""

    number: int
    mass: float
    top: int
    bottom: int
    left: int
    right: int
    contact: int
    """Pixels of the picture's border that it touches."""


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


def digit_marks(marks: list[Mark], shape: tuple[int, int]) -> list[Mark]:
    """The marks that make the digit: the largest and what stands by it.

    A mark along the picture's border is a shadow or the edge of the page where another mark, clear
    of the border, can be the digit.
    """
    height, width = shape
    inner = [mark for mark in marks if not _is_edge(mark, shape)]
    main = inner[0] if inner else marks[0]
    if inner and max(main.bottom - main.top, main.right - main.left) < 0.12 * max(height, width):
        main = marks[0] if marks[0].mass > 8 * main.mass else main
    kept = [main]
    size = max(main.bottom - main.top, main.right - main.left)
    for mark in inner:
        if mark is main:
            continue
        near = _gap(mark, main) < 0.25 * size
        if mark.mass > 0.25 * main.mass or (near and mark.mass > _SPECK * main.mass):
            kept.append(mark)
    return kept


def _is_edge(mark: Mark, shape: tuple[int, int]) -> bool:
    height, width = shape
    along = 0.35 * min(height, width)
    return mark.contact > along


def _gap(one: Mark, other: Mark) -> float:
    """Pixels between two boxes, 0 where they overlap."""
    down = max(one.top - other.bottom, other.top - one.bottom, 0)
    across = max(one.left - other.right, other.left - one.right, 0)
    return float(np.hypot(down, across))
