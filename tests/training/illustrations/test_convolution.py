"""The products and poolings of the figure are what they are called."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from training.illustrations import convolution


def test_edges_are_found_where_they_are() -> None:
    image = np.zeros((1, 12, 12, 1), np.float32)
    image[:, :, 6:] = 1  # an edge from left to right
    across, down, *_ = convolution.products(image).values()
    assert across[0, 5, 5:7, 0].tolist() == [4, 4]
    assert down[0, 5, 2:-2, 0].tolist() == [0] * 8


def test_unpooling_gives_the_old_size_and_max_unpooling_one_pixel_a_window() -> None:
    image = np.random.default_rng(0).uniform(0.1, 1, (1, 12, 8, 1)).astype(np.float32)
    largest, mean, *unpooled = convolution.pooled(image).values()
    assert largest.shape == mean.shape == (1, 3, 2, 1)
    assert {each.shape for each in unpooled} == {image.shape}
    assert np.count_nonzero(unpooled[-1]) == largest.size


def test_it_draws(tmp_path: Path) -> None:
    with Image.open(convolution.draw(tmp_path)) as drawn:
        assert drawn.width > 1000
