"""Edges are found where they are, by the way they lie, whatever the colours."""

from __future__ import annotations

import numpy as np
import pytest

from tests.training.layer_checks import check_layer
from training.layers.oriented_gradients import OrientedGradients

RANDOM = np.random.default_rng(0)


def test_it_is_a_layer_as_all() -> None:
    images = RANDOM.uniform(0, 1, (2, 12, 8, 3)).astype(np.float32)
    check_layer(lambda: OrientedGradients(4, 2), images)


def _edge(size: int = 16) -> np.ndarray:
    """Dark on the left, light on the right."""
    images = np.zeros((1, size, size, 3), np.float32)
    images[:, :, size // 2 :] = 1
    return images


@pytest.mark.parametrize("turns", range(4))
def test_dark_to_light_is_as_light_to_dark(turns: int) -> None:
    images = np.rot90(_edge(), k=turns, axes=(1, 2))
    edges = np.asarray(OrientedGradients(8, 2)(images))[0]
    assert edges.shape == (8, 8, 8)
    voted = edges.sum(axis=(0, 1))
    assert voted.argmax() == 4 * (turns % 2)
    assert np.delete(voted, voted.argmax()).max() < 1e-5


def test_an_angle_votes_for_its_two_neighbours() -> None:
    ramp = np.arange(16, dtype=np.float32) / 64
    angle = np.pi / 16  # halfway between the first two of eight
    images = ramp * np.cos(angle) + ramp[:, np.newaxis] * np.sin(angle)
    voted = np.asarray(OrientedGradients(8, 4)(images[np.newaxis, ..., np.newaxis]))[0, 1, 1]
    np.testing.assert_allclose(voted[0], voted[1], rtol=1e-3)
    assert voted[2:].max() < 1e-5 < voted[0]


def test_an_edge_is_where_it_is() -> None:
    edges = np.asarray(OrientedGradients(8, 2)(_edge()))[0].sum(axis=-1)
    assert (edges[:, [3, 4]] > 0.5).all()
    assert np.abs(np.delete(edges, [3, 4], axis=1)).max() < 1e-6


def test_colour_and_an_offset_do_not_matter() -> None:
    layer = OrientedGradients(cell_size=2)
    np.testing.assert_allclose(layer(0.25 + 0.5 * _edge()), layer(0.5 * _edge()), atol=1e-5)
    green = _edge() * np.array([0, 1, 0], np.float32)
    np.testing.assert_array_equal(np.asarray(layer(green)) > 0.1, np.asarray(layer(_edge())) > 0.1)
    assert not np.any(layer(np.full((1, 8, 8, 3), 0.7, np.float32)))


@pytest.mark.parametrize(
    ("arguments", "shape", "says"),
    [
        ({"num_directions": 1}, (8, 8, 3), "num_directions"),
        ({"cell_size": 0}, (8, 8, 3), "cell_size"),
        ({}, (8, 8, 2), "1 or 3 channels"),
        ({}, (8, 7, 3), "multiples of the cell_size 8"),
    ],
)
def test_what_cannot_be_is_refused(
    arguments: dict[str, int], shape: tuple[int, int, int], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        OrientedGradients(**arguments)(np.zeros((1, *shape), np.float32))
