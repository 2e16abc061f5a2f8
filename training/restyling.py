"""Restyling: the same drawing as another hand might have made it, so that its style is not learnt.

As all of augmentation: float32 (B, H, W, C), 0–255, each image by its own draw, from a stateless
seed. Dark ink on white paper is meant; `augmentation` and `warps` move and redraw the ink before.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from training.colours import LUMA
from training.warps import Seed, sizes


@dataclass(frozen=True)
class Restyling:
    """How far each drawing may be changed; 0 leaves that change out."""

    light: float = 0.0
    """Largest strength of a soft light from anywhere, a share of 255; white paper stays."""
    gain: float = 0.0
    """Typical change of each channel's gamma, as its logarithm."""
    grey: float = 0.0
    """Share of the drawings without colours."""
    edges: float = 0.0
    """Share of which only the outlines are left."""
    ground: float = 0.0
    """Share on coloured paper, through which the ink shows."""
    negative: float = 0.0
    """Share turned into negatives."""
    patch: float = 0.0
    """Largest side of a patch of one colour that hides a part of half the drawings, pixels."""

    def __call__(self, images: tf.Tensor, seed: Seed) -> tf.Tensor:
        """Change a batch of pictures in colour: float32 (B, H, W, 3), 0–255, to the same."""
        seeds = tf.unstack(tf.random.split(seed, 7))
        if self.light:
            images = shine(images, seeds[0], self.light)
        if self.gain:
            images = vary_gamma(images, seeds[1], self.gain)
        if self.grey:
            images = _some(seeds[2], self.grey, grey(images), images)
        if self.edges:
            images = _some(seeds[3], self.edges, outlines(images), images)
        if self.ground:
            paper = tf.random.stateless_uniform([tf.shape(images)[0], 1, 1, 3], seeds[4])
            images = _some(tf.random.fold_in(seeds[4], 1), self.ground, images * paper, images)
        if self.negative:
            images = _some(seeds[5], self.negative, 255.0 - images, images)
        if self.patch:
            images = hide(images, seeds[6], self.patch)
        return tf.clip_by_value(images, 0.0, 255.0)


def shine(images: tf.Tensor, seed: Seed, most: float) -> tf.Tensor:
    """Light and shade, smooth from knots a third of the picture apart, on all but white paper."""
    batch, height, width, _ = sizes(images)
    seeds = tf.unstack(tf.random.split(seed, 2))
    down, across = tf.constant(_tent_basis(height)), tf.constant(_tent_basis(width))
    knots = tf.random.stateless_normal([batch, down.shape[1], across.shape[1]], seeds[0])
    field = tf.einsum("hm,bmn,wn->bhw", down, knots, across)[..., None]
    strength = 127.5 * most * tf.random.stateless_uniform([batch, 1, 1, 1], seeds[1])
    ink = tf.clip_by_value(1 - tf.reduce_min(images, axis=-1, keepdims=True) / 255, 0.0, 1.0)
    return images + strength * field * tf.minimum(4 * ink, 1.0)


def vary_gamma(images: tf.Tensor, seed: Seed, deviation: float) -> tf.Tensor:
    """Raise shares of white to powers about 1: one draw an image, a smaller one a channel."""
    seeds = tf.unstack(tf.random.split(seed, 2))
    batch = tf.shape(images)[0]
    power = tf.random.stateless_normal([batch, 1, 1, 1], seeds[0])
    power += 0.6 * tf.random.stateless_normal([batch, 1, 1, 3], seeds[1])
    return 255.0 * tf.maximum(images / 255.0, 1e-3) ** tf.exp(deviation * power)


def grey(images: tf.Tensor) -> tf.Tensor:
    """The brightness in every channel."""
    brightness = tf.reduce_sum(images * tf.constant(LUMA), axis=-1, keepdims=True)
    return tf.repeat(brightness, 3, axis=-1)


def outlines(images: tf.Tensor) -> tf.Tensor:
    """Dark lines on white where the brightness changes from a pixel to the next."""
    brightness = grey(images)
    framed = tf.pad(brightness, [[0, 0], [0, 1], [0, 1], [0, 0]], "SYMMETRIC")
    down = framed[:, 1:, :-1] - brightness
    right = framed[:, :-1, 1:] - brightness
    return 255.0 - tf.minimum(2.0 * tf.sqrt(down**2 + right**2 + 1e-3), 255.0)


def hide(images: tf.Tensor, seed: Seed, most: float) -> tf.Tensor:
    """Paste a square of one colour anywhere on half the images (cf. `augmentation.cut_out`)."""
    batch, height, width, _ = sizes(images)
    seeds = tf.unstack(tf.random.split(seed, 2))
    draws = tf.random.stateless_uniform([4, batch, 1], seeds[0])
    half = tf.where(draws[3] < 0.5, draws[2] * most / 2, 0.0)  # (B, 1), pixels
    rows = tf.abs(tf.range(height, dtype=tf.float32) - draws[0] * height) < half
    columns = tf.abs(tf.range(width, dtype=tf.float32) - draws[1] * width) < half
    inside = (rows[:, :, None] & columns[:, None, :])[..., None]
    colour = 255.0 * tf.random.stateless_uniform([batch, 1, 1, 3], seeds[1])
    return tf.where(inside, colour, images)


def _some(seed: Seed, share: float, changed: tf.Tensor, images: tf.Tensor) -> tf.Tensor:
    draw = tf.random.stateless_uniform([tf.shape(images)[0], 1, 1, 1], seed)
    return tf.where(draw < share, changed, images)


def _tent_basis(size: int, intervals: int = 3) -> NDArray[np.float32]:
    """What each knot gives to each pixel along an axis, linearly: (size, intervals + 1)."""
    position = np.linspace(0, intervals, size)[:, np.newaxis]
    basis: NDArray[np.float32] = np.maximum(1 - np.abs(position - np.arange(intervals + 1)), 0)
    return basis.astype(np.float32)
