"""Where pixels go: mirroring, whole and fractional moves, affine maps and elastic fields.

As all of augmentation: float32 (B, H, W, C), each image by its own draw, from a stateless seed.
"""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

Seed: TypeAlias = tf.Tensor
"""int32 (2,), as `tf.random.stateless_uniform` takes it."""


def flip(images: tf.Tensor, seed: Seed, share: float) -> tf.Tensor:
    """Mirror a `share` of the images left to right."""
    draw = tf.random.stateless_uniform([tf.shape(images)[0], 1, 1, 1], seed)
    return tf.where(draw < share, tf.reverse(images, [2]), images)


def crop(images: tf.Tensor, seed: Seed, most: int) -> tf.Tensor:
    """Pad by `most` pixels of black and cut the old size out anywhere (He et al., 2016, §4.2)."""
    batch, height, width, _ = sizes(images)
    padded = tf.pad(images, [[0, 0], [most, most], [most, most], [0, 0]])
    first = tf.random.stateless_uniform([2, batch, 1], seed, 0, 2 * most + 1, tf.int32)
    rows, columns = first[0] + tf.range(height), first[1] + tf.range(width)  # (B, H), (B, W)
    return tf.gather(tf.gather(padded, rows, batch_dims=1), columns, axis=2, batch_dims=1)


def affine_grid(
    seed: Seed,
    size: tuple[tf.Tensor, int, int],
    *,
    rotation: float,
    shift: float,
    scale: float,
    shear: float,
) -> tf.Tensor:
    """Where each output pixel comes from under a random affine map about the image's centre.

    Args:
        seed: int32 (2,).
        size: (B, H, W).
        rotation: largest turn, degrees.
        shift: largest move, pixels.
        scale: largest change of each axis' scale; its logarithm is drawn evenly.
        shear: largest slant, the tangent of the angle.

    Returns:
        float32 (B, H, W, 2): row and column in the source, pixels.
    """
    batch, height, width = size
    draws = tf.unstack(tf.random.stateless_uniform([6, batch], seed, -1.0, 1.0))
    turn, slant, tall, wide, down, right = draws  # each (B,)
    angle, slant = turn * math.radians(rotation), slant * shear
    tall, wide = (tf.exp(-draw * math.log1p(scale)) for draw in (tall, wide))
    cos, sin = tf.cos(angle), tf.sin(angle)
    # source = rotation · shear · scale · (target - centre - shift) + centre
    rows = tf.stack([cos * tall, (cos * slant - sin) * wide], axis=-1)  # (B, 2)
    columns = tf.stack([sin * tall, (sin * slant + cos) * wide], axis=-1)
    matrix = tf.stack([rows, columns], axis=1)  # (B, 2, 2)
    y, x = tf.meshgrid(tf.range(height), tf.range(width), indexing="ij")
    centre = tf.constant([(height - 1) / 2, (width - 1) / 2], tf.float32)
    targets = tf.cast(tf.stack([y, x], axis=-1), tf.float32) - centre  # (H, W, 2)
    moved = targets[None] - shift * tf.stack([down, right], axis=-1)[:, None, None]
    return tf.einsum("bij,bhwj->bhwi", matrix, moved) + centre


def elastic_field(seed: Seed, size: tuple[tf.Tensor, int, int], magnitude: float) -> tf.Tensor:
    """A smooth random displacement, float32 (B, H, W, 2), pixels.

    Simard, Steinkraus and Platt, 2003, smooth white noise with a Gaussian (σ = 4 at 28 pixels);
    random knots of cubic B-splines, a quarter of the image apart, are as smooth and cheaper.
    `magnitude` is the standard deviation everywhere; each image takes a share of it.
    """
    batch, height, width = size
    seeds = tf.random.split(seed, 2)
    down, across = tf.constant(_spline_basis(height)), tf.constant(_spline_basis(width))
    knots = [batch, down.shape[1], across.shape[1], 2]
    field = tf.einsum("hm,bmnd,wn->bhwd", down, tf.random.stateless_normal(knots, seeds[0]), across)
    return magnitude * tf.random.stateless_uniform([batch, 1, 1, 1], seeds[1]) * field


def _spline_basis(size: int, intervals: int = 4) -> NDArray[np.float32]:
    """What each knot gives to each pixel along an axis, (size, intervals + 3).

    Scaled so that knots of variance 1 give pixels of variance 1.
    """
    position = np.linspace(0, intervals, size)
    first = np.minimum(np.floor(position), intervals - 1).astype(int)
    u = position - first
    weights = np.stack(
        [(1 - u) ** 3, 3 * u**3 - 6 * u**2 + 4, -3 * u**3 + 3 * u**2 + 3 * u + 1, u**3], axis=1
    )
    weights /= np.linalg.norm(weights, axis=1, keepdims=True)
    basis = np.zeros((size, intervals + 3), np.float32)
    np.put_along_axis(basis, first[:, np.newaxis] + np.arange(4), weights, axis=1)
    return basis


def resample(images: tf.Tensor, grid: tf.Tensor) -> tf.Tensor:
    """Read images at fractional places, bilinearly; outside of them is 0.

    Args:
        images: float32 (B, H, W, C).
        grid: float32 (B, H, W, 2), row and column, pixels.

    Returns:
        float32 (B, H, W, C).
    """
    _, height, width, _ = sizes(images)
    padded = tf.pad(images, [[0, 0], [1, 1], [1, 1], [0, 0]])  # a frame of 0 to fall on
    limits = tf.constant([height, width], tf.float32)
    places = tf.clip_by_value(grid + 1.0, 0.0, limits + 1.0)
    corner = tf.minimum(tf.floor(places), limits)  # its neighbour below and right is in the frame
    share = places - corner  # (B, H, W, 2)
    corner = tf.cast(corner, tf.int32)
    top_left, top_right, low_left, low_right = (
        tf.gather_nd(padded, corner + offset, batch_dims=1)
        for offset in ([0, 0], [0, 1], [1, 0], [1, 1])
    )
    down, right = share[..., :1], share[..., 1:]
    top = top_left + right * (top_right - top_left)
    low = low_left + right * (low_right - low_left)
    return top + down * (low - top)


def sizes(images: tf.Tensor) -> tuple[tf.Tensor, int, int, int]:
    """(B, H, W, C); only the batch may be unknown while the pipeline is traced."""
    _, height, width, channels = images.shape
    return tf.shape(images)[0], height, width, channels
