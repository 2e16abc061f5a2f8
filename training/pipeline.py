"""From arrays to batches: the split, and tf.data pipelines that keep the cores busy.

The images stay uint8 in memory; only indices are shuffled. Batches are read, turned to float32 and
augmented on parallel threads, ahead of the step that trains on the one before.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from training.datasets import Split
from training.errors import DatasetError

Augment = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
"""(images float32 (B, H, W, C), seed int32 (2,)) → images."""

EVALUATION_BATCH_SIZE = 500


def split_validation(split: Split, fraction: float, seed: int) -> tuple[Split, Split]:
    """Hold out a random `fraction` of a split: (what is left, what is held out).

    Raises:
        DatasetError: one of the two would be empty.
    """
    held_out = round(len(split) * fraction)
    if not 0 < held_out < len(split):
        raise DatasetError(
            f"holding out {fraction:g} of {len(split)} training images leaves one side empty: "
            "choose another validation_fraction"
        )
    order = np.random.default_rng(seed).permutation(len(split))
    rest, validation = order[held_out:], order[:held_out]
    return (
        Split(split.images[rest], split.labels[rest]),
        Split(split.images[validation], split.labels[validation]),
    )


def training_batches(
    split: Split,
    num_classes: int,
    batch_size: int,
    seed: int,
    augment: Augment | None = None,
    *,
    first_epoch: int = 0,
) -> tf.data.Dataset:
    """Endless shuffled batches to train on.

    Epoch e is shuffled with the seed (`seed`, e) and step i augmented with (`seed`, i), wherever
    and whenever they are made: a run repeats itself however many threads make it, and one that
    starts at `first_epoch` goes on as if it had never stopped. The images left over of each
    epoch's last, partial batch are others every time.

    Returns:
        Batches of (images float32 (B, H, W, C), 0–255; one-hot labels float32 (B, K)).
    """
    batch_size = min(batch_size, len(split))
    images, labels = tf.constant(split.images), tf.constant(split.labels)

    def read(step: tf.Tensor, indices: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        batch = tf.cast(tf.gather(images, indices), tf.float32)
        if augment is not None:
            batch = augment(batch, tf.stack([seed, tf.cast(step, tf.int32)]))
        return batch, tf.one_hot(tf.gather(labels, indices), num_classes)

    def shuffle(epoch: tf.Tensor) -> tf.data.Dataset:
        order = tf.random.experimental.stateless_shuffle(
            tf.range(len(split)), tf.stack([seed, tf.cast(epoch, tf.int32)])
        )
        return tf.data.Dataset.from_tensor_slices(order).batch(batch_size, drop_remainder=True)

    steps = steps_of(split, batch_size)
    epochs = tf.data.Dataset.range(first_epoch, 2**31 - 1)
    batches = epochs.flat_map(shuffle).enumerate(first_epoch * steps)
    batches = batches.map(read, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    return batches.prefetch(tf.data.AUTOTUNE)


def steps_of(split: Split, batch_size: int) -> int:
    """How many full batches an epoch has, at least 1: a smaller split is one batch."""
    return max(1, len(split) // batch_size)


def evaluation_batches(split: Split, num_classes: int) -> tf.data.Dataset:
    """Each image once, in order: batches as to train on, neither shuffled nor augmented."""
    labels = tf.data.Dataset.from_tensor_slices(split.labels).batch(EVALUATION_BATCH_SIZE)
    labels = labels.map(lambda indices: tf.one_hot(indices, num_classes))
    return tf.data.Dataset.zip(image_batches(split.images), labels)


def image_batches(images: NDArray[np.uint8]) -> tf.data.Dataset:
    """Images uint8 (N, H, W, C), in order, as batches of float32 (B, H, W, C), 0–255."""
    batches = tf.data.Dataset.from_tensor_slices(images).batch(EVALUATION_BATCH_SIZE)
    batches = batches.cache()  # while still uint8: a quarter of the memory
    return batches.map(lambda rows: tf.cast(rows, tf.float32)).prefetch(tf.data.AUTOTUNE)
