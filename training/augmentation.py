"""Augmentation of image batches inside the tf.data pipeline: warps, strokes, light and noise.

Everything takes and returns float32 (B, H, W, C), 0–255, draws for each image alone, and draws from
a stateless seed, so a run repeats itself exactly. The order is that of the world: a pen's stroke,
the paper's position, then the camera's blur, light and noise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

Seed: TypeAlias = tf.Tensor
"""int32 (2,), as `tf.random.stateless_uniform` takes it."""


@dataclass(frozen=True)
class Augmentation:
    """How far each image may be changed; 0 leaves that change out."""

    flip: float = 0.0
    """Share of the images mirrored left to right, 0–1."""
    crop: int = 0
    """Largest move along each axis in whole pixels, so nothing is blurred; black comes in."""
    rotation: float = 0.0
    """Largest turn, degrees either way."""
    shift: float = 0.0
    """Largest move along each axis, pixels either way."""
    scale: float = 0.0
    """Largest growth or shrinkage of each axis: 0.1 is 0.9–1.1 times."""
    shear: float = 0.0
    """Largest slant: the tangent of the angle, either way."""
    elastic: float = 0.0
    """Typical displacement of a smooth random field, pixels (Simard et al., 2003)."""
    thickness: float = 0.0
    """Largest growth of bright strokes, pixels either side; others thin."""
    blur: float = 0.0
    """Largest standard deviation of a Gaussian blur, pixels."""
    contrast: float = 0.0
    """Largest share of the contrast that is taken away, 0–1."""
    noise: float = 0.0
    """Largest standard deviation of Gaussian noise, of 255."""
    specks: float = 0.0
    """Largest share of pixels turned black or white, 0–1."""

    @property
    def active(self) -> bool:
        """Whether any change is asked for."""
        return any(vars(self).values())

    def __call__(self, images: tf.Tensor, seed: Seed) -> tf.Tensor:
        """Change a batch: float32 (B, H, W, C), 0–255, to the same."""
        seeds = tf.random.split(seed, 8)
        if self.flip:
            images = flip(images, seeds[6], self.flip)
        if self.crop:
            images = crop(images, seeds[7], self.crop)
        images = _redraw(self, images, seeds)
        if self.contrast:
            images *= 1 - self.contrast * _rarely(seeds[4], tf.shape(images)[0])
        if self.noise or self.specks:
            images = add_noise(images, seeds[5], self.noise, self.specks)
        return tf.clip_by_value(images, 0.0, 255.0)


@tf.function(jit_compile=True)  # a third of the time; noise, left out here, would take thrice it
def _redraw(asked: Augmentation, images: tf.Tensor, seeds: tf.Tensor) -> tf.Tensor:
    """All that depends on a pixel's neighbours; takes the seeds 0 to 3 of int32 (8, 2)."""
    if asked.thickness:
        images = vary_strokes(images, seeds[0], asked.thickness)
    if asked.rotation or asked.shift or asked.scale or asked.shear or asked.elastic:
        size = _sizes(images)[:3]
        grid = affine_grid(
            seeds[1],
            size,
            rotation=asked.rotation,
            shift=asked.shift,
            scale=asked.scale,
            shear=asked.shear,
        )
        if asked.elastic:
            grid += elastic_field(seeds[2], size, asked.elastic)
        images = resample(images, grid)
    if asked.blur:
        images = blur(images, seeds[3], asked.blur)
    return images


def flip(images: tf.Tensor, seed: Seed, share: float) -> tf.Tensor:
    """Mirror a `share` of the images left to right."""
    draw = tf.random.stateless_uniform([tf.shape(images)[0], 1, 1, 1], seed)
    return tf.where(draw < share, tf.reverse(images, [2]), images)


def crop(images: tf.Tensor, seed: Seed, most: int) -> tf.Tensor:
    """Pad by `most` pixels of black and cut the old size out anywhere (He et al., 2016, §4.2)."""
    batch, height, width, _ = _sizes(images)
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
    _, height, width, _ = _sizes(images)
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


def vary_strokes(images: tf.Tensor, seed: Seed, thickness: float) -> tf.Tensor:
    """Thicken or thin bright strokes: grey dilation and erosion, by fractions of a pixel."""
    batch = tf.shape(images)[0]
    draw = tf.random.stateless_uniform([batch, 1, 1, 1], seed, -1.0, 1.0)
    # one third thins, one third stays, one third thickens
    change = thickness * tf.maximum(1.5 * tf.abs(draw) - 0.5, 0.0) * tf.sign(draw)  # pixels
    change = tf.maximum(change, -0.7)  # a stroke of two pixels survives
    thinner = -_brightest(-images)
    result = images + tf.maximum(-change, 0.0) * (thinner - images)
    step = 0
    while step < thickness:
        thicker = _brightest(result)
        result += tf.clip_by_value(change - step, 0.0, 1.0) * (thicker - result)
        step += 1
    return result


def blur(images: tf.Tensor, seed: Seed, deviation: float) -> tf.Tensor:
    """Blur each image by a Gaussian of its own width, up to `deviation` pixels."""
    batch, height, width, _ = _sizes(images)
    radius = max(1, round(2 * deviation))
    sigma = deviation * _rarely(seed, batch) + 1e-3  # (B, 1, 1, 1); none is a single spike
    taps = range(2 * radius + 1)
    weights = [tf.exp(-0.5 * ((tap - radius) / sigma) ** 2) for tap in taps]
    total = tf.add_n(weights)
    padded = tf.pad(images, [[0, 0], [radius, radius], [radius, radius], [0, 0]])
    blurred = tf.add_n([weights[tap] * padded[:, tap : tap + height] for tap in taps]) / total
    return tf.add_n([weights[tap] * blurred[:, :, tap : tap + width] for tap in taps]) / total


def add_noise(images: tf.Tensor, seed: Seed, deviation: float, specks: float) -> tf.Tensor:
    """Add Gaussian noise and turn single pixels black or white, as much as each image draws."""
    seeds = tf.random.split(seed, 4)
    batch = tf.shape(images)[0]
    if deviation:
        grain = tf.random.stateless_normal(tf.shape(images), seeds[0])
        images += deviation * _rarely(seeds[1], batch) * grain
    if specks:
        draw = tf.random.stateless_uniform(tf.shape(images), seeds[2])
        share = specks * _rarely(seeds[3], batch)
        images = tf.where(draw < share / 2, 255.0, tf.where(draw > 1 - share / 2, 0.0, images))
    return images


def _rarely(seed: Seed, batch: tf.Tensor) -> tf.Tensor:
    """A strength for each image, (B, 1, 1, 1), 0–1: none for one half, even for the other."""
    return tf.maximum(tf.random.stateless_uniform([batch, 1, 1, 1], seed, -1.0, 1.0), 0.0)


def _brightest(images: tf.Tensor) -> tf.Tensor:
    """The maximum of each pixel's 3×3 neighbours; quicker than a max pooling."""
    _, height, width, _ = _sizes(images)
    framed = tf.pad(images, [[0, 0], [1, 1], [1, 1], [0, 0]], "SYMMETRIC")
    rows = tf.maximum(
        tf.maximum(framed[:, :height], framed[:, 1 : height + 1]), framed[:, 2 : height + 2]
    )
    return tf.maximum(
        tf.maximum(rows[:, :, :width], rows[:, :, 1 : width + 1]), rows[:, :, 2 : width + 2]
    )


def _sizes(images: tf.Tensor) -> tuple[tf.Tensor, int, int, int]:
    """(B, H, W, C); only the batch may be unknown while the pipeline is traced."""
    _, height, width, channels = images.shape
    return tf.shape(images)[0], height, width, channels
