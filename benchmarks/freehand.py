"""Digits as people draw them: strokes through a few points, each shape in several habits.

A stroke is a smooth curve through points, x to the right and y down, with a corner where a point
stands twice.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Points = NDArray[np.float64]
"""(N, 2): x and y."""

HABITS: Final[dict[int, tuple[str, ...]]] = {
    0: (
        "50,0 10,20 2,55 25,95 60,98 95,60 88,18 50,0",
        "60,4 20,10 3,50 20,92 55,98 92,70 90,25 55,2 42,8",
    ),
    1: (
        "50,0 50,100",
        "30,22 55,0 55,0 52,100",
        "28,20 52,0 52,0 52,100 | 25,100 80,100",
    ),
    2: (
        "8,25 30,2 75,5 85,35 50,70 2,100 2,100 98,98",
        "10,22 40,0 80,15 70,50 20,95 8,90 20,78 50,90 95,98",
    ),
    3: (
        "8,12 45,0 82,20 40,46 40,46 90,65 60,98 5,88",
        "8,2 85,2 85,2 42,40 42,40 90,60 65,97 5,90",
    ),
    4: (
        "20,0 8,60 8,60 95,56 | 72,10 66,100",
        "70,100 70,0 70,0 2,68 2,68 98,66",
    ),
    5: (
        "20,3 15,45 15,45 60,38 92,65 65,97 5,92 | 20,3 90,0",
        "92,2 25,2 25,2 14,44 14,44 60,40 90,70 55,100 4,88",
    ),
    6: (
        "75,0 30,30 8,70 35,99 85,88 80,58 45,52 12,70",
        "60,0 15,45 12,85 50,100 88,80 65,52 30,62 14,80",
    ),
    7: (
        "3,3 95,2 95,2 60,45 40,100",
        "5,5 95,3 95,3 40,100 | 30,52 90,48",
        "6,20 6,4 6,4 92,4 92,4 35,100",
    ),
    8: (
        "80,12 40,0 15,22 50,45 88,75 50,100 10,78 50,46 82,22 75,8",
        "50,0 20,10 25,40 50,47 78,38 80,10 50,0 | 50,47 10,65 20,95 50,100 85,93 90,62 50,47",
    ),
    9: (
        "85,20 50,0 12,20 25,50 65,48 85,20 85,20 80,100",
        "85,15 45,0 10,25 35,52 80,35 86,12 86,12 80,65 50,97 20,92",
    ),
}
"""By digit, the habits of drawing it: strokes apart by |, points x,y in per cent."""


def draw(digit: int, height: int, pen: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """A digit of `height` pixels drawn by a pen of `pen` pixels: ink (h, w), 0–1, cropped."""
    habit = HABITS[digit][rng.integers(len(HABITS[digit]))]
    strokes = [
        [(float(x) / 100, float(y) / 100) for x, y in (p.split(",") for p in stroke.split())]
        for stroke in habit.split("|")
    ]
    aspect, slant, turn = rng.uniform(0.5, 0.85), rng.uniform(-0.1, 0.3), rng.uniform(-0.12, 0.12)
    if digit == 1:
        turn = rng.uniform(-0.2, 0.2)
    fine = max(1, min(4, 1200 // height))  # drawn larger and averaged: smooth edges
    curves = [_curve(_jittered(stroke, rng)) for stroke in strokes]
    matrix = np.array([[aspect, -slant], [0, 1]]) @ np.array(
        [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
    )
    curves = [curve @ matrix.T * height * fine for curve in curves]
    reach = pen * fine / 2 + fine
    least = np.min([curve.min(0) for curve in curves], axis=0) - reach
    width, tall = np.ceil(np.max([curve.max(0) for curve in curves], axis=0) + reach - least)
    canvas = Image.new("L", (int(width), int(tall)))
    brush = ImageDraw.Draw(canvas)
    for curve in curves:
        _stroke(brush, curve - least, pen * fine * rng.uniform(0.9, 1.1))
    ink: NDArray[np.float32] = np.asarray(canvas.reduce(fine), np.float32) / np.float32(255)
    return ink


def _jittered(stroke: list[tuple[float, float]], rng: np.random.Generator) -> Points:
    """The points, each moved a little; a corner's two points move together."""
    moves: dict[tuple[float, float], Points] = {}
    for point in stroke:
        moves.setdefault(point, rng.normal(0, 0.028, 2))
    return np.array([np.array(point) + moves[point] for point in stroke])


def _curve(points: Points) -> Points:
    """A Catmull–Rom spline through the points, 24 steps between two; straight for two points."""
    pieces = []
    corner = [i for i in range(len(points) - 1) if np.allclose(points[i], points[i + 1])]
    for part in np.split(points, [i + 1 for i in corner]):
        padded = np.concatenate([2 * part[:1] - part[1:2], part, 2 * part[-1:] - part[-2:-1]])
        for before, start, end, after in zip(
            padded, padded[1:], padded[2:], padded[3:], strict=False
        ):
            t = np.linspace(0, 1, 24)[:, None]
            pieces.append(
                0.5
                * (
                    2 * start
                    + (end - before) * t
                    + (2 * before - 5 * start + 4 * end - after) * t**2
                    + (3 * start - before - 3 * end + after) * t**3
                )
            )
    return np.concatenate(pieces)


def _stroke(brush: ImageDraw.ImageDraw, curve: Points, pen: float) -> None:
    points = [(float(x), float(y)) for x, y in curve]
    brush.line(points, fill=255, width=max(1, round(pen)), joint="curve")
    if pen > 2:
        for x, y in points:
            brush.ellipse([x - pen / 2, y - pen / 2, x + pen / 2, y + pen / 2], fill=255)
