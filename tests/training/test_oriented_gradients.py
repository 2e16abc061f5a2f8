"""Edges are found where they are, by their direction, whatever the colours and the contrast."""

from __future__ import annotations

import numpy as np
import pytest

from tests.training.layer_checks import check_layer
from training.layers.oriented_gradients import OrientedGradients

RANDOM = np.random.default_rng(0)


def test_it_is_a_layer_as_all() -> None:
    images = RANDOM.uniform(0, 1, (2, 12, 8, 3)).astype(np.float32)
    check_layer(lambda: OrientedGradients(4, 2, 3, 0.1), images)


def _edge(size: int = 16) -> np.ndarray:
    """Dark on the left, light on the right."""
    images = np.zeros((1, size, size, 3), np.float32)
    images[:, :, size // 2 :] = 1
    return images


@pytest.mark.parametrize("turns", range(4))
def test_the_direction_that_points_to_the_light_answers_most(turns: int) -> None:
    images = np.rot90(_edge(), k=-turns, axes=(1, 2))  # clockwise, as y grows downwards
    edges = np.asarray(OrientedGradients(8)(images))[0]
    assert edges.sum(axis=(0, 1)).argmax() == 2 * turns
    assert edges.shape == (8, 8, 8)


def test_an_edge_is_where_it_is() -> None:
    edges = np.asarray(OrientedGradients(8, window_size=1)(_edge()))[0].sum(axis=-1)
    assert (edges[:, [3, 4]] > 1).all()
    assert np.abs(np.delete(edges, [3, 4], axis=1)).max() < 1e-6


def test_contrast_and_colour_matter_little_and_an_offset_not_at_all() -> None:
    layer = OrientedGradients()
    whole = np.asarray(layer(_edge()))
    faint = np.asarray(layer(0.5 + 0.3 * _edge()))
    assert np.abs(faint - whole).max() < 0.35 * whole.max()
    np.testing.assert_allclose(layer(0.25 + 0.5 * _edge()), layer(0.5 * _edge()), atol=1e-5)
    green = _edge() * np.array([0, 1, 0], np.float32)
    assert np.asarray(layer(green)).argmax() == whole.argmax()
    assert not np.any(layer(np.full((1, 8, 8, 3), 0.7, np.float32)))


@pytest.mark.parametrize(
    ("arguments", "shape", "says"),
    [
        ({"num_directions": 1}, (8, 8, 3), "num_directions"),
        ({"window_size": 2}, (8, 8, 3), "window_size odd"),
        ({"epsilon": 0}, (8, 8, 3), "epsilon"),
        ({}, (8, 8, 2), "1 or 3 channels"),
        ({}, (8, 7, 3), "multiples of the cell_size 2"),
    ],
)
def test_what_cannot_be_is_refused(
    arguments: dict[str, int], shape: tuple[int, int, int], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        OrientedGradients(**arguments)(np.zeros((1, *shape), np.float32))
