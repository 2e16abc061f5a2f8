"""Small real exports for the tests: a linear classifier and a foreign SavedModel, made in seconds."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import openvino
import tensorflow as tf

from service.manifest import (
    Fit,
    ImageInput,
    Manifest,
    Signature,
    TensorSpec,
    golden_path,
    openvino_path,
)


def write_classifier(
    folder: Path,
    *,
    labels: Sequence[str] = ("dark", "middle", "light"),
    size: tuple[int, int, int] = (8, 8, 1),
    fit: Fit = "stretch",
    converted: bool = True,
) -> Manifest:
    """Write an export that tells dark pictures from light ones.

    The logit of class k is higher the closer the mean pixel is to k / (K − 1) × 255.
    """
    height, width, channels = size
    function = _classifier(size, len(labels))
    tf.saved_model.save(function.module, str(folder), signatures={"classify": function})
    manifest = Manifest(
        description="Tells dark pictures from light ones.",
        image=ImageInput(height=height, width=width, channels=1 if channels == 1 else 3, fit=fit),
        labels=tuple(labels),
        signatures={
            "classify": Signature(
                task="classify",
                inputs={"images": TensorSpec(dtype="uint8", shape=(None, *size))},
                outputs={
                    "probabilities": TensorSpec(dtype="float32", shape=(None, len(labels)))
                },
            )
        },
    )
    manifest.write(folder)
    images = np.random.default_rng(0).integers(0, 256, (9, *size), np.uint8)
    write_goldens(folder, images, function(images)["probabilities"].numpy())
    if converted:
        loaded = tf.saved_model.load(str(folder))
        path = openvino_path(folder, "classify")
        path.parent.mkdir(parents=True)
        model = openvino.convert_model(loaded.signatures["classify"])
        openvino.save_model(model, path, compress_to_fp16=False)
    return manifest


def write_goldens(folder: Path, images: np.ndarray, probabilities: np.ndarray) -> None:
    """Write the goldens of `classify`."""
    tensors = {"classify/inputs/images": images, "classify/outputs/probabilities": probabilities}
    np.savez(golden_path(folder), **tensors)  # type: ignore[arg-type]  # its stub wants no names


def write_foreign(folder: Path) -> None:
    """Write a SavedModel as somebody else's tool would: y = x / 2 + 2, and no manifest."""
    module = tf.Module()
    module.half = tf.Variable(0.5)

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, name="x")])
    def serve(x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"y": x * module.half + 2.0}

    tf.saved_model.save(module, str(folder), signatures={"serving_default": serve})


def _classifier(size: tuple[int, int, int], classes: int) -> tf.types.experimental.GenericFunction:
    module = tf.Module()
    module.centres = tf.Variable(np.linspace(0, 1, classes, dtype=np.float32))

    @tf.function(input_signature=[tf.TensorSpec([None, *size], tf.uint8, name="images")])
    def classify(images: tf.Tensor) -> dict[str, tf.Tensor]:
        means = tf.reduce_mean(tf.cast(images, tf.float32), [1, 2, 3])[:, None] / 255.0
        return {"probabilities": tf.nn.softmax(-20.0 * tf.abs(means - module.centres))}

    classify.module = module
    return classify
