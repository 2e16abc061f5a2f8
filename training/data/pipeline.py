"""From arrays to batches: the split, and tf.data pipelines that keep the cores busy.

Examples are arrays of as many rows, such as (images, labels). The images stay uint8 in memory; only
indices are shuffled. Batches are read, turned to float32 and augmented on parallel threads, ahead
of the step that trains on the one before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from training.errors import DatasetError
from training.recipe import Recipe

Arrays = tuple[NDArray[Any], ...]
"""Examples: each array holds one row of every example."""

Prepare = Callable[..., Any]
"""(a batch of rows of each array…) → what `fit` takes: (inputs, targets), or with weights.

To train, a seed int32 (2,) comes last, for what is changed at random.
"""

Epoch = Callable[[], int]
"""Tells the epoch that begins, counted from 0."""

EVALUATION_BATCH_SIZE = 500


def training_and_validation(train: Arrays, test: Arrays, recipe: Recipe) -> tuple[Arrays, Arrays]:
    """What a run learns from, and what it is validated with: as the recipe's `validation` says.

    Both come from the first `train_images` of the training examples, where that is not 0.

    Raises:
        DatasetError: one of the two would be empty.
    """
    train = tuple(rows[: recipe.train_images or None] for rows in train)
    if recipe.validation == "test":
        return train, test
    return split_validation(train, recipe.validation_fraction, recipe.seed)


def split_validation(arrays: Arrays, fraction: float, seed: int) -> tuple[Arrays, Arrays]:
    """Hold out a random `fraction` of the examples: (what is left, what is held out).

    Raises:
        DatasetError: one of the two would be empty.
    """
    count = len(arrays[0])
    held_out = round(count * fraction)
    if not 0 < held_out < count:
        raise DatasetError(
            f"holding out {fraction:g} of {count} training examples leaves one side empty: "
            "choose another validation_fraction"
        )
    order = np.random.default_rng(seed).permutation(count)
    rest, validation = order[held_out:], order[:held_out]
    return tuple(rows[rest] for rows in arrays), tuple(rows[validation] for rows in arrays)


def training_batches(
    arrays: Arrays, prepare: Prepare, *, batch_size: int, seed: int, epoch: Epoch
) -> tf.data.Dataset:
    """Shuffled batches of what `prepare` makes of rows and a seed: one epoch an iteration.

    Epoch e is shuffled with the seed (`seed`, e) and step i of the run prepared with (`seed`, i),
    wherever and whenever they are made: a run repeats itself however many threads make it, and one
    that goes on is as if it had never stopped. The examples left over of each epoch's last, partial
    batch are others every time.
    """
    count, steps = len(arrays[0]), steps_of(arrays, batch_size)
    with tf.device("/CPU:0"):  # a GPU's memory is for the model
        tensors = [tf.constant(rows) for rows in arrays]

    def shuffle(epoch: tf.Tensor) -> tf.data.Dataset:
        order = tf.random.experimental.stateless_shuffle(
            tf.range(count), tf.stack([seed, tf.cast(epoch, tf.int32)])
        )
        batches = tf.data.Dataset.from_tensor_slices(order)
        batches = batches.batch(min(batch_size, count), drop_remainder=True)
        return batches.enumerate(epoch * steps)

    def read(step: tf.Tensor, indices: tf.Tensor) -> Any:
        rows = (tf.gather(tensor, indices) for tensor in tensors)
        return prepare(*rows, tf.stack([seed, tf.cast(step, tf.int32)]))

    # not an endless set: `fit` would take more than an epoch of it, to fill its last execution
    begins = tf.data.Dataset.from_generator(
        lambda: [epoch()], output_signature=tf.TensorSpec((), tf.int64)
    )
    batches = begins.flat_map(shuffle).apply(tf.data.experimental.assert_cardinality(steps))
    batches = batches.map(read, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    return batches.prefetch(tf.data.AUTOTUNE)


def steps_of(arrays: Arrays, batch_size: int) -> int:
    """How many full batches an epoch has, at least 1: a smaller set is one batch."""
    return max(1, len(arrays[0]) // batch_size)


def evaluation_batches(arrays: Arrays, prepare: Prepare) -> tf.data.Dataset:
    """Each example once, in order: batches as to train on, neither shuffled nor augmented."""
    batches = tf.data.Dataset.from_tensor_slices(arrays).batch(EVALUATION_BATCH_SIZE)
    batches = batches.cache()  # images while still uint8: a quarter of the memory
    return batches.map(prepare).prefetch(tf.data.AUTOTUNE)
