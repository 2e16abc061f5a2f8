"""The notes' figure 2: both held minima are computed, right, and drawn the same every time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from training.illustrations import regularization
from training.objectives.constraints import L1Ball, L2Ball


@pytest.mark.parametrize(("ball", "order"), [(L1Ball, 1), (L2Ball, 2)])
def test_no_point_of_the_ball_has_less_loss(ball: Any, order: int) -> None:
    held = regularization.minimum(ball(1.0))
    assert np.linalg.norm(held, order) <= 1 + 1e-6
    side = np.linspace(-1, 1, 1001)
    grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    inside = grid[np.linalg.norm(grid, order, axis=1) <= 1]
    assert float(regularization.loss(held)) <= regularization.loss(inside).min() + 1e-6


def test_the_minima_are_where_geometry_puts_them() -> None:
    assert regularization.minimum(L1Ball(1.0)) == pytest.approx([0.75, 0.25], abs=1e-6)
    centre = np.array(regularization.CENTRE)
    expected = centre / np.linalg.norm(centre)
    assert regularization.minimum(L2Ball(1.0)) == pytest.approx(expected, abs=1e-6)
    assert regularization.minimum(L2Ball(2.0)) == pytest.approx(centre, abs=1e-6)  # none is held


def test_it_is_drawn_the_same_every_time(tmp_path: Path) -> None:
    first = regularization.draw(tmp_path)
    assert first.name == "regularization.png"
    before = first.read_bytes()
    with Image.open(first) as image:
        assert image.width > 900
    assert regularization.draw(tmp_path).read_bytes() == before
