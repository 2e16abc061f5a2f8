"""Connected components of a mask, and which of them are the ink of the digit."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

_SPECK: Final = 0.03
_APART: Final = 0.25
"""A component with less than this share of the largest one's ink is dirt: near to it, and apart."""


class Component(NamedTuple):
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


def find_components(labels: NDArray[np.int32], count: int, ink: Floats) -> list[Component]:
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
    components = [Component(number, *row) for number, row in enumerate(table) if number]
    return sorted(components, key=lambda component: -component.mass)


def digit_components(components: list[Component]) -> list[Component]:
    """The components that make the digit: the largest and what stands by it.

    A component that lies along the image's border is a shadow or the edge of the page, as long as
    another component can be the digit.
    """
    inner = [component for component in components if not lies_along_border(component)]
    if not inner or inner[0].mass < 0.02 * components[0].mass:
        inner = components
    main = inner[0]
    size = max(main.bottom - main.top, main.right - main.left)
    kept = [main]
    for component in inner[1:]:
        near = _gap(component, main) < 0.25 * size
        if component.mass > (_SPECK if near else _APART) * main.mass:
            kept.append(component)
    return kept


def together(components: list[Component]) -> Component:
    """Several components as one."""
    _, mass, top, bottom, left, right, contact = zip(*components, strict=True)
    return Component(0, sum(mass), min(top), max(bottom), min(left), max(right), sum(contact))


def lies_along_border(component: Component) -> bool:
    """Strokes that end at the border touch it by their width, edges and shadows by their length."""
    return component.contact > 0.3 * (
        component.bottom - component.top + component.right - component.left
    )


def inside_sheet(component: Component, labels: NDArray[np.int32]) -> tuple[slice, slice] | None:
    """Rows and columns inside of a large rectangle: a sheet on a table, or what a frame surrounds.

    None where the component is no such.
    """
    height, width = component.bottom - component.top, component.right - component.left
    if height * width < 0.2 * labels.size or min(height, width) < 12:
        return None
    band = (
        labels[component.top : component.bottom, component.left : component.right]
        == component.number
    )
    down, across = max(1, height // 16), max(1, width // 16)
    inner = band[down:-down, across:-across]
    filled = np.count_nonzero(band) - np.count_nonzero(inner)
    if filled < 0.85 * (band.size - inner.size):
        return None
    return (
        slice(component.top + down, component.bottom - down),
        slice(component.left + across, component.right - across),
    )


def is_background(components: list[Component], mask: Mask) -> bool:
    """Whether the components are the ground around a digit that fills the image: cut-off pieces.

    Then they touch the border in several places, and what they leave hangs together.
    """
    total = sum(component.mass for component in components)
    touching = [
        component for component in components if component.contact and component.mass > 0.02 * total
    ]
    if len(touching) < 2 or sum(component.mass for component in touching) < 0.5 * total:
        return False
    labels, count = label(~mask)
    largest = max(np.bincount(labels.ravel(), minlength=2)[1:], default=0)
    return count > 0 and bool(largest > 0.9 * np.count_nonzero(labels))


def _gap(one: Component, other: Component) -> float:
    """Pixels between two boxes, 0 where they overlap."""
    down = max(one.top - other.bottom, other.top - one.bottom, 0)
    across = max(one.left - other.right, other.left - one.right, 0)
    return float(np.hypot(down, across))
