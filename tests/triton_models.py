"""The models of Triton's and TensorFlow Serving's own examples, rebuilt: foreign SavedModels."""

from __future__ import annotations

import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import tensorflow as tf

_TYPES = ("bool", "uint8", "uint64", "int8", "int64", "float16", "bfloat16", "float64")


def write_half_plus_two(folder: Path) -> None:
    """TensorFlow Serving's first example: y = x / 2 + 2."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def serve(x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"y": x * 0.5 + 2.0}

    _write(folder, serve)


def write_simple(folder: Path) -> None:
    """Triton's `simple`: OUTPUT0 = INPUT0 + INPUT1, OUTPUT1 = INPUT0 - INPUT1, int32 (any, 16)."""
    specs = [tf.TensorSpec([None, 16], tf.int32, name=f"INPUT{index}") for index in (0, 1)]

    @tf.function(input_signature=specs)
    def serve(INPUT0: tf.Tensor, INPUT1: tf.Tensor) -> dict[str, tf.Tensor]:  # noqa: N803
        return {"OUTPUT0": INPUT0 + INPUT1, "OUTPUT1": INPUT0 - INPUT1}

    _write(folder, serve)


def write_simple_string(folder: Path) -> None:
    """Triton's `simple_string`: as `simple`, of numbers written as strings."""
    specs = [tf.TensorSpec([None, 16], tf.string, name=f"INPUT{index}") for index in (0, 1)]

    @tf.function(input_signature=specs)
    def serve(INPUT0: tf.Tensor, INPUT1: tf.Tensor) -> dict[str, tf.Tensor]:  # noqa: N803
        a, b = (tf.strings.to_number(each, tf.int32) for each in (INPUT0, INPUT1))
        return {"OUTPUT0": tf.strings.as_string(a + b), "OUTPUT1": tf.strings.as_string(a - b)}

    _write(folder, serve)


def write_simple_identity(folder: Path) -> None:
    """Triton's `simple_identity`: strings as they came."""

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.string, name="INPUT0")])
    def serve(INPUT0: tf.Tensor) -> dict[str, tf.Tensor]:  # noqa: N803
        return {"OUTPUT0": tf.identity(INPUT0)}

    _write(folder, serve)


def write_every_type(folder: Path) -> None:
    """One input of each rarer type, given back as `<type>_out`: (any,)."""
    specs = [tf.TensorSpec([None], tf.as_dtype(name), name=name) for name in _TYPES]

    @tf.function(input_signature=specs)
    def serve(*tensors: tf.Tensor) -> dict[str, tf.Tensor]:
        pairs = zip(_TYPES, tensors, strict=True)
        return {f"{name}_out": tf.identity(tensor) for name, tensor in pairs}

    _write(folder, serve)


def _write(folder: Path, serve: tf.types.experimental.GenericFunction) -> None:
    tf.saved_model.save(tf.Module(), str(folder), signatures={"serving_default": serve})
