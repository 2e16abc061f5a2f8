"""What light does to colours: brightness, saturation and hue.

As all of augmentation: float32 (B, H, W, C), 0–255, each image by its own draw, from a stateless
seed. Results may lie outside of 0–255 until the last step of an augmentation clips them.
"""

from __future__ import annotations

import math
from typing import Final

import tensorflow as tf

from training.data.geometry import Seed

LUMA: Final = (0.299, 0.587, 0.114)
"""How bright red, green and blue look (ITU-R BT.601); they add up to 1."""


def vary_brightness(images: tf.Tensor, seed: Seed, most: float) -> tf.Tensor:
    """Add the same to all pixels of an image: up to `most` · 255, either way."""
    return images + 255 * most * _draw(images, seed)


def vary_saturation(images: tf.Tensor, seed: Seed, most: float) -> tf.Tensor:
    """Move colours from or to the grey that looks as bright: grey + f · (pixel - grey).

    f is even in 1 ± `most`; 0 leaves no colour. Images of one channel are grey and stay.
    """
    if images.shape[-1] != 3:
        return images
    factor = 1 + most * _draw(images, seed)
    grey = tf.reduce_sum(images * tf.constant(LUMA), axis=-1, keepdims=True)  # (B, H, W, 1)
    return grey + factor * (images - grey)


def vary_hue(images: tf.Tensor, seed: Seed, most: float) -> tf.Tensor:
    """Turn colours about the grey axis R = G = B, up to `most` degrees either way.

    By 120° red becomes green, green blue and blue red, as on the wheel of HSV; between these, HSV
    goes around a hexagon and this around a circle, which keeps the mean of the channels and is one
    matrix an image (Rodrigues' rotation about (1, 1, 1) / √3). Images of one channel stay.
    """
    if images.shape[-1] != 3:
        return images
    angle = math.radians(most) * _draw(images, seed)[:, 0]  # (B, 1, 1)
    cos, sin = tf.cos(angle), tf.sin(angle)
    spin = tf.constant([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]]) / math.sqrt(3)
    turn = cos * tf.eye(3) + (1 - cos) / 3 + sin * spin  # (B, 3, 3)
    return tf.einsum("bij,bhwj->bhwi", turn, images)


def _draw(images: tf.Tensor, seed: Seed) -> tf.Tensor:
    """A number for each image, even in -1 to 1: (B, 1, 1, 1)."""
    return tf.random.stateless_uniform([tf.shape(images)[0], 1, 1, 1], seed, -1.0, 1.0)
