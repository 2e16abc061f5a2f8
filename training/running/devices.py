"""Where a run computes, and in what precision."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import tensorflow as tf

from training.recipe import Precision, Strategy

logger = logging.getLogger(__name__)


@contextmanager
def scope(strategy: Strategy) -> Iterator[None]:
    """Build and fit in here: on the first GPU, else the CPU; or `mirrored`, on all GPUs at once.

    Mirrored, each device holds the weights and takes an equal share of every batch of
    `batch_size`; their gradients are added up, so that a step is the step of one device, to
    rounding. Batch statistics are an exception: each device normalizes by its own share's.
    """
    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    used = devices if strategy == "mirrored" else devices[:1]
    logger.info("computes on %s", ", ".join(map(_named, used)))
    if strategy == "one-device":
        yield
        return
    if len(used) == 1:
        logger.warning("there is one device alone: the strategy 'mirrored' gains nothing here")
    with tf.distribute.MirroredStrategy([device.name for device in used]).scope():
        yield


def _named(device: Any) -> str:
    """A device as people know it: `GPU:0 (NVIDIA H100)`."""
    short: str = device.name.removeprefix("/device:")
    if device.device_type != "GPU":
        return short
    physical = tf.config.list_physical_devices("GPU")[int(short.partition(":")[2])]
    about = tf.config.experimental.get_device_details(physical)
    return f"{short} ({about.get('device_name', 'unknown')})"


@contextmanager
def computing(precision: Precision) -> Iterator[None]:
    """Layers made in here compute in `precision`, unless they say otherwise, as those do that give
    an architecture's logits; weights are float32 anyway.
    """
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
