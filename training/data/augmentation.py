"""Augmentation of image batches inside the tf.data pipeline: warps, strokes, colours and noise.

Everything takes and returns float32 (B, H, W, C), 0–255, draws for each image alone, and draws from
a stateless seed, so a run repeats itself exactly. The order is that of the world: a pen's stroke,
the paper's position, then the camera's blur, light and noise.
"""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

from training.data.color import vary_brightness, vary_hue, vary_saturation
from training.data.geometry import Seed, affine_grid, crop, elastic_field, flip, resample, sizes


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
    brightness: float = 0.0
    """Largest share of 255 added or taken away, 0–1."""
    saturation: float = 0.0
    """Largest change of the colours' strength: 0.5 is 0.5–1.5 times; greys stay as they are."""
    hue: float = 0.0
    """Largest turn of the colours about the grey axis, degrees either way; greys stay."""
    noise: float = 0.0
    """Largest standard deviation of Gaussian noise, of 255."""
    specks: float = 0.0
    """Largest share of pixels turned black or white, 0–1."""
    cutout: int = 0
    """Side of a black square somewhere in each image, pixels."""

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
        images = self._recolour(images, tf.random.fold_in(seed, 8))
        if self.noise or self.specks:
            images = add_noise(images, seeds[5], self.noise, self.specks)
        if self.cutout:
            images = cut_out(images, tf.random.fold_in(seed, 9), self.cutout)
        return tf.clip_by_value(images, 0.0, 255.0)

    def _recolour(self, images: tf.Tensor, seed: Seed) -> tf.Tensor:
        seeds = tf.random.split(seed, 3)
        if self.brightness:
            images = vary_brightness(images, seeds[0], self.brightness)
        if self.saturation:
            images = vary_saturation(images, seeds[1], self.saturation)
        if self.hue:
            images = vary_hue(images, seeds[2], self.hue)
        return images


@tf.function(jit_compile=True)  # a third of the time; noise, left out here, would take thrice it
def _redraw(asked: Augmentation, images: tf.Tensor, seeds: tf.Tensor) -> tf.Tensor:
    """All that depends on a pixel's neighbours; takes the seeds 0 to 3 of int32 (8, 2)."""
    if asked.thickness:
        images = vary_strokes(images, seeds[0], asked.thickness)
    if asked.rotation or asked.shift or asked.scale or asked.shear or asked.elastic:
        size = sizes(images)[:3]
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
    batch, height, width, _ = sizes(images)
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


def cut_out(images: tf.Tensor, seed: Seed, side: int) -> tf.Tensor:
    """Black out a square whose centre is any pixel, so that part of it may lie outside.

    DeVries and Taylor, 2017, "Improved Regularization of Convolutional Neural Networks with Cutout"
    (arXiv:1708.04552), §3.1, with black where they have the data set's mean. Random erasing (Zhong
    et al., 2020, arXiv:1708.04896) draws the size and the shape as well, and fills with noise.
    """
    batch, height, width, _ = sizes(images)
    draw = tf.random.stateless_uniform([2, batch, 1], seed)
    top, left = (
        tf.floor(draw[axis] * size) - side // 2 for axis, size in enumerate((height, width))
    )
    rows, columns = tf.range(height, dtype=tf.float32), tf.range(width, dtype=tf.float32)
    inside = ((rows >= top) & (rows < top + side))[:, :, None] & (
        (columns >= left) & (columns < left + side)
    )[:, None]
    return tf.where(inside[..., None], 0.0, images)  # (B, H, W, 1) → every channel


def _rarely(seed: Seed, batch: tf.Tensor) -> tf.Tensor:
    """A strength for each image, (B, 1, 1, 1), 0–1: none for one half, even for the other."""
    return tf.maximum(tf.random.stateless_uniform([batch, 1, 1, 1], seed, -1.0, 1.0), 0.0)


def _brightest(images: tf.Tensor) -> tf.Tensor:
    """The maximum of each pixel's 3×3 neighbours; quicker than a max pooling."""
    _, height, width, _ = sizes(images)
    framed = tf.pad(images, [[0, 0], [1, 1], [1, 1], [0, 0]], "SYMMETRIC")
    rows = tf.maximum(
        tf.maximum(framed[:, :height], framed[:, 1 : height + 1]), framed[:, 2 : height + 2]
    )
    return tf.maximum(
        tf.maximum(rows[:, :, :width], rows[:, :, 1 : width + 1]), rows[:, :, 2 : width + 2]
    )
