"""Warps read pixels where they say, and black outside."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from training.data.geometry import affine_grid, resample


def test_no_turn_no_move_is_the_identity() -> None:
    grid = affine_grid(
        tf.constant([0, 0]), (tf.constant(2), 9, 7), rotation=0, shift=0, scale=0, shear=0
    )
    images = np.random.default_rng(0).uniform(0, 255, (2, 9, 7, 3)).astype(np.float32)
    assert np.allclose(resample(tf.constant(images), grid), images, atol=1e-3)


def test_a_place_outside_of_the_image_is_black() -> None:
    grid = tf.constant([[[[-5.0, 1.0], [1.0, 99.0]]]])
    assert np.array_equal(resample(tf.fill([1, 4, 4, 1], 200.0), grid), np.zeros((1, 1, 2, 1)))
