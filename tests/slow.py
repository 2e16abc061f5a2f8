"""An export whose every run takes a given time, to see what happens while a model is busy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tensorflow as tf

from service.manifest import ImageInput, Manifest, Signature, TensorSpec
from tests.exports import write_goldens


def write_slow_classifier(folder: Path, *, seconds: float) -> None:
    """Write an export that finds images dark or light, `seconds` a run whatever the batch."""
    module = tf.Module()

    @tf.function(input_signature=[tf.TensorSpec([None, 8, 8, 1], tf.uint8, name="images")])
    def classify(images: tf.Tensor) -> dict[str, tf.Tensor]:
        end = tf.timestamp() + seconds
        now = tf.while_loop(lambda now: now < end, lambda now: [tf.timestamp()], [tf.timestamp()])
        with tf.control_dependencies(now):
            light = tf.reduce_mean(tf.cast(images, tf.float32), [1, 2, 3]) / 255.0
        return {"probabilities": tf.stack([1.0 - light, light], axis=1)}

    module.classify = classify
    tf.saved_model.save(module, str(folder), signatures={"classify": classify})
    Manifest(
        description="Takes its time.",
        image=ImageInput(height=8, width=8, channels=1),
        labels=("dark", "light"),
        signatures={
            "classify": Signature(
                task="classify",
                inputs={"images": TensorSpec(dtype="uint8", shape=(None, 8, 8, 1))},
                outputs={"probabilities": TensorSpec(dtype="float32", shape=(None, 2))},
            )
        },
    ).write(folder)
    images = np.full((2, 8, 8, 1), 51, np.uint8)
    write_goldens(folder, images, np.array([[0.8, 0.2]] * 2, np.float32))
