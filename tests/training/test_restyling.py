"""Each change does what it is called, to the share asked for, and repeats itself from its seed."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from training.restyling import Restyling, grey, outlines

RANDOM = np.random.default_rng(0)


def _drawings(count: int = 64) -> tf.Tensor:
    """A red bar on white paper."""
    images = np.full((count, 16, 16, 3), 255, np.float32)
    images[:, 4:8, 2:14] = (200, 30, 30)
    return tf.constant(images)


def _seed(number: int) -> tf.Tensor:
    return tf.constant([number, number])


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(Restyling)])
def test_each_change_alone_is_done_and_stays_in_range(name: str) -> None:
    change = dataclasses.replace(Restyling(), **{name: 8.0 if name == "patch" else 0.5})
    images = _drawings()
    changed = change(images, _seed(1)).numpy()
    assert changed.min() >= 0
    assert changed.max() <= 255
    moved = np.abs(changed - images.numpy()).max(axis=(1, 2, 3)) > 1
    assert moved.mean() > 0.25
    np.testing.assert_array_equal(changed, change(images, _seed(1)))
    assert np.abs(changed - change(images, _seed(2)).numpy()).max() > 1


@pytest.mark.parametrize("name", ["grey", "edges", "ground", "negative"])
def test_a_share_is_a_share(name: str) -> None:
    change = dataclasses.replace(Restyling(), **{name: 0.25})
    changed = change(_drawings(2000), _seed(3)).numpy()
    moved = np.abs(changed - _drawings(2000).numpy()).max(axis=(1, 2, 3)) > 1
    assert moved.mean() == pytest.approx(0.25, abs=0.04)


def test_none_asked_for_is_none_done() -> None:
    np.testing.assert_array_equal(Restyling()(_drawings(), _seed(1)), _drawings())


def test_light_falls_on_ink_and_leaves_white_paper() -> None:
    changed = Restyling(light=1.0)(_drawings(), _seed(1)).numpy()
    np.testing.assert_allclose(changed[:, 12:], 255)
    assert np.abs(changed[:, 4:8, 2:14] - _drawings().numpy()[:, 4:8, 2:14]).mean() > 5


def test_grey_keeps_the_brightness_and_outlines_keep_the_edges() -> None:
    greys = grey(_drawings(1)).numpy()[0]
    assert np.ptp(greys, axis=-1).max() == 0
    assert greys[5, 5, 0] == pytest.approx(0.299 * 200 + 0.701 * 30, abs=0.1)
    lines = outlines(_drawings(1)).numpy()[0, :, :, 0]
    assert lines[3, 5] < 10
    assert lines[5, 5] > 250
    assert lines[12, 12] > 250
