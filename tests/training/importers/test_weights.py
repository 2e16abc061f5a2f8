"""Pretrained weights are taken by name, whole or not at all, from one file or several."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from safetensors.numpy import save_file
from safetensors.tensorflow import save_file as save_tensors

from training.errors import ExportError
from training.importers._weights import Weights

RANDOM = np.random.default_rng(0)
KERNEL = RANDOM.normal(size=(2, 3)).astype(np.float32)
BIAS = RANDOM.normal(size=(3,)).astype(np.float32)


def _folder(tmp_path: Path, **tensors: np.ndarray) -> Path:
    named = {name.replace("__", "."): tensor for name, tensor in tensors.items()}
    save_file(named, tmp_path / "model.safetensors")
    return tmp_path


def test_a_tensor_is_float32_whatever_it_is_stored_as(tmp_path: Path) -> None:
    kinds = ("float16", "float32", "float64", "bfloat16")
    tensors = {kind: tf.cast(tf.constant(KERNEL), kind) for kind in kinds}
    save_tensors(tensors, tmp_path / "model.safetensors")
    weights = Weights(tmp_path)
    assert len(weights) == 4
    for kind in kinds:
        taken = weights.take(kind, (2, 3))
        assert taken.dtype == np.float32
        np.testing.assert_array_equal(taken, tf.cast(tensors[kind], tf.float32))


def test_names_lose_their_prefix_and_their_age(tmp_path: Path) -> None:
    """The first BERTs called a normalization's vectors gamma and beta."""
    tensors = {"bert__norm__gamma": BIAS, "bert__norm__beta": BIAS + 1, "cls__bias": BIAS}
    weights = Weights(_folder(tmp_path, **tensors), prefix="bert.")
    assert "norm.weight" in weights
    assert "bert.norm.gamma" not in weights
    np.testing.assert_array_equal(weights.take("norm.bias", (3,)), BIAS + 1)
    assert set(weights.left()) == {"cls.bias", "norm.weight"}
    assert weights.left(but=("cls.",)) == ("norm.weight",)


def test_a_variable_is_filled_with_its_axes_in_order(tmp_path: Path) -> None:
    weights = Weights(_folder(tmp_path, kernel=KERNEL))
    variable = keras.Variable(np.zeros((3, 2), np.float32))
    weights.fill(variable, "kernel", axes=(1, 0))
    np.testing.assert_array_equal(variable, KERNEL.T)
    with pytest.raises(ExportError, match=r"'kernel' is of shape \(2, 3\).*asks for \(3, 2\)"):
        weights.fill(variable, "kernel")


def test_shards_are_read_as_their_index_names_them(tmp_path: Path) -> None:
    names = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    save_file({"kernel": KERNEL}, tmp_path / names[0])
    save_file({"bias": BIAS}, tmp_path / names[1])
    index = {"weight_map": {"kernel": names[0], "bias": names[1]}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    weights = Weights(tmp_path)
    np.testing.assert_array_equal(weights.take("kernel", (2, 3)), KERNEL)
    np.testing.assert_array_equal(weights.take("bias", (3,)), BIAS)
    whole = b"".join((tmp_path / name).read_bytes() for name in names)
    assert weights.digest() == hashlib.sha256(whole).hexdigest()
    (tmp_path / names[1]).unlink()
    with pytest.raises(ExportError, match=r"lacks model-00002-of-00002.safetensors"):
        Weights(tmp_path)
    (tmp_path / "model.safetensors.index.json").write_text("{}")
    with pytest.raises(ExportError, match=r"names no shards"):
        Weights(tmp_path)


def test_what_cannot_be_taken_is_told(tmp_path: Path) -> None:
    weights = Weights(_folder(tmp_path, kernel=KERNEL, quantized=np.ones((2, 2), np.int8)))
    with pytest.raises(ExportError, match=r"lack the tensor 'bias'; there are 2, such as kernel"):
        weights.take("bias", (3,))
    with pytest.raises(ExportError, match=r"of type I8; expected one of .* as it was before"):
        weights.take("quantized", (2, 2))


def test_folders_without_readable_weights_are_told(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"holds no model.safetensors: it is the file of weights"):
        Weights(tmp_path)
    (tmp_path / "pytorch_model.bin").write_bytes(b"pickle")
    with pytest.raises(ExportError, match=r"pytorch_model.bin runs code when it is read"):
        Weights(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(ExportError, match=r"cannot be read: .*: is it whole?"):
        Weights(tmp_path)
