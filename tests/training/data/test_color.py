"""Colours change as asked for, each image alone, and greys stay grey."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from training.data.color import LUMA, vary_brightness, vary_hue, vary_saturation

SEED = tf.constant([1, 2])
MANY = 400

Change = Callable[[tf.Tensor, tf.Tensor, float], tf.Tensor]


def _painted(colour: tuple[float, ...]) -> NDArray[np.float32]:
    return np.tile(np.array(colour, np.float32), (MANY, 2, 3, 1))


def _apply(change: Change, images: NDArray[np.float32], most: float) -> NDArray[np.float32]:
    changed: NDArray[np.float32] = change(tf.constant(images), SEED, most).numpy()
    assert changed.shape == images.shape
    assert (changed == changed[:, :1, :1]).all()  # the same for all pixels of an image
    return changed[:, 0, 0]


def test_brightness_adds_the_same_to_every_channel() -> None:
    colour = (20, 120, 220)
    added = _apply(vary_brightness, _painted(colour), 0.2) - colour
    assert np.allclose(added, added[:, :1], atol=1e-3)
    assert -51.01 < added.min() < -45
    assert 45 < added.max() < 51.01


def test_saturation_keeps_how_bright_it_looks() -> None:
    colour = np.array((200.0, 100.0, 50.0))
    changed = _apply(vary_saturation, _painted(tuple(colour)), 0.5)
    assert np.allclose(changed @ LUMA, colour @ LUMA, atol=1e-2)
    strength = np.ptp(changed, axis=1) / 150
    assert 0.5 - 1e-4 < strength.min() < 0.55
    assert 1.45 < strength.max() < 1.5 + 1e-4


def test_hue_turns_red_as_far_as_green_and_blue_but_no_farther() -> None:
    red = _apply(vary_hue, _painted((150, 0, 0)), 120)
    assert np.allclose(red.mean(axis=1), 50, atol=1e-3)
    assert np.allclose(np.linalg.norm(red, axis=1), 150, atol=1e-2)
    assert np.abs(red - (0, 150, 0)).max(axis=1).min() < 5
    assert np.abs(red - (0, 0, 150)).max(axis=1).min() < 5
    assert np.abs(red - (-50, 100, 100)).max(axis=1).min() > 20  # cyan is 180° away


@pytest.mark.parametrize("change", [vary_saturation, vary_hue])
@pytest.mark.parametrize("channels", [1, 3])
def test_greys_stay(change: Change, channels: int) -> None:
    greys = np.random.default_rng(0).uniform(0, 255, (8, 5, 4, 1)).astype(np.float32)
    images = np.repeat(greys, channels, axis=-1)
    assert np.allclose(change(tf.constant(images), SEED, 0.9), images, atol=1e-3)
