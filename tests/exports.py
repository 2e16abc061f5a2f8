"""Small real exports for the tests, made in seconds: a classifier, raw tensors, foreign ones."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
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
from training.exporting import conversion


def write_classifier(
    folder: Path,
    *,
    labels: Sequence[str] = ("dark", "middle", "light"),
    size: tuple[int, int, int] = (8, 8, 1),
    fit: Fit = "stretch",
    converted: bool = True,
    fails_on_light: bool = False,
) -> Manifest:
    """Write an export that tells dark images from light ones.

    The logit of class k is higher the closer the mean pixel is to k / (K − 1) × 255. One that
    fails on light images is sound by its goldens, which are all grey.
    """
    height, width, channels = size
    function = _classifier(size, len(labels), 0.9 if fails_on_light else 1.0)
    tf.saved_model.save(function.module, str(folder), signatures={"classify": function})
    manifest = Manifest(
        description="Tells dark images from light ones.",
        image=ImageInput(height=height, width=width, channels=1 if channels == 1 else 3, fit=fit),
        labels=tuple(labels),
        signatures={
            "classify": Signature(
                task="classify",
                inputs={"images": TensorSpec(dtype="uint8", shape=(None, *size))},
                outputs={"probabilities": TensorSpec(dtype="float32", shape=(None, len(labels)))},
            )
        },
    )
    manifest.write(folder)
    images = np.random.default_rng(0).integers(0, 256, (9, *size), np.uint8)
    write_goldens(folder, images, function(images)["probabilities"].numpy())
    if converted:
        convert(folder, "classify")
    return manifest


def write_mixer(folder: Path, *, converted: bool = True) -> Manifest:
    """Write an export of raw tensors: a (any, 2) and b (any, any) → two names for one sum, a mean.

    The sum is a + the mean of b by rows; the mean is a scalar.
    """

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, 2], tf.float32, name="a"),
            tf.TensorSpec([None, None], tf.float32, name="b"),
        ]
    )
    def mix(a: tf.Tensor, b: tf.Tensor) -> dict[str, tf.Tensor]:
        total = a + tf.reduce_mean(b, axis=1, keepdims=True)
        return {"total": total, "same": tf.identity(total), "mean": tf.reduce_mean(total)}

    module = tf.Module()
    module.mix = mix
    tf.saved_model.save(module, str(folder), signatures={"mix": mix})
    pair, scalar = (
        TensorSpec(dtype="float32", shape=(None, 2)),
        TensorSpec(dtype="float32", shape=()),
    )
    manifest = Manifest(
        signatures={
            "mix": Signature(
                task="infer",
                inputs={"a": pair, "b": TensorSpec(dtype="float32", shape=(None, None))},
                outputs={"total": pair, "same": pair, "mean": scalar},
            )
        },
    )
    manifest.write(folder)
    inputs = {
        "a": np.array([[1, 2], [3, 4]], np.float32),
        "b": np.array([[1, 2, 3], [4, 5, 6]], np.float32),
    }
    outputs = {name: tensor.numpy() for name, tensor in mix(**inputs).items()}
    _write_goldens(folder, "mix", inputs, outputs)
    if converted:
        convert(folder, "mix")
    return manifest


def convert(folder: Path, signature: str) -> None:
    """Write a signature's OpenVINO conversion as the exporter does."""
    loaded = tf.saved_model.load(str(folder))
    conversion.convert(loaded.signatures[signature], openvino_path(folder, signature))


def write_goldens(folder: Path, images: np.ndarray, probabilities: np.ndarray) -> None:
    """Write the goldens of `classify`."""
    _write_goldens(folder, "classify", {"images": images}, {"probabilities": probabilities})


def _write_goldens(
    folder: Path, signature: str, inputs: dict[str, np.ndarray], outputs: dict[str, np.ndarray]
) -> None:
    tensors = {f"{signature}/inputs/{name}": array for name, array in inputs.items()}
    tensors |= {f"{signature}/outputs/{name}": array for name, array in outputs.items()}
    np.savez(golden_path(folder), **tensors)  # type: ignore[arg-type]  # its stub wants no names


def write_foreign(folder: Path) -> None:
    """Write a SavedModel as somebody else's tool would: y = x / 2 + 2, and no manifest."""
    module = tf.Module()
    module.half = tf.Variable(0.5)

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, name="x")])
    def serve(x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"y": x * module.half + 2.0}

    tf.saved_model.save(module, str(folder), signatures={"serving_default": serve})


def write_foreign_texts(folder: Path) -> None:
    """Write a foreign SavedModel with what is rare: strings, scalars, an unknown rank."""
    module = tf.Module()

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="texts")])
    def shout(texts: tf.Tensor) -> dict[str, tf.Tensor]:
        return {
            "loud": tf.strings.upper(texts),
            "first": texts[0],
            "count": tf.size(texts, tf.int64),
        }

    @tf.function(input_signature=[tf.TensorSpec(None, tf.float32, name="x")])
    def double(x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"twice": 2.0 * x}

    module.shout, module.double = shout, double
    tf.saved_model.save(module, str(folder), signatures={"shout": shout, "double": double})


def _classifier(
    size: tuple[int, int, int], classes: int, lightest: float
) -> tf.types.experimental.GenericFunction:
    module = tf.Module()
    module.centres = tf.Variable(np.linspace(0, 1, classes, dtype=np.float32))

    @tf.function(input_signature=[tf.TensorSpec([None, *size], tf.uint8, name="images")])
    def classify(images: tf.Tensor) -> dict[str, tf.Tensor]:
        means = tf.reduce_mean(tf.cast(images, tf.float32), [1, 2, 3])[:, None] / 255.0
        if lightest < 1:
            means = tf.where(means > lightest, np.float32(np.nan), means)
        return {"probabilities": tf.nn.softmax(-20.0 * tf.abs(means - module.centres))}

    classify.module = module
    return classify
