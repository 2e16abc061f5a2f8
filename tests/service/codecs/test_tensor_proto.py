"""Tensors as TensorFlow writes them into messages, read as TensorFlow reads them."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2

from service.codecs import tensor_proto

NUMBERS = "float32 float64 int32 uint8 int16 int8 int64 uint16 float16 uint32 uint64 bool"


def same(found: np.ndarray[Any, Any], expected: np.ndarray[Any, Any]) -> bool:
    kinds = (found.dtype, found.shape) == (expected.dtype, expected.shape)
    return kinds and bool((found == expected).all())


@pytest.mark.parametrize("dtype", [*NUMBERS.split(), ml_dtypes.bfloat16])
@pytest.mark.parametrize("shape", [(), (1,), (2, 3), (0, 2)])
def test_content_is_read(dtype: Any, shape: tuple[int, ...]) -> None:
    array = np.arange(-2, np.prod(shape) - 2).reshape(shape).astype(dtype)
    message = tf.make_tensor_proto(array).SerializeToString()
    assert same(tensor_proto.read(message), array)


@pytest.mark.parametrize("dtype", [*NUMBERS.split(), ml_dtypes.bfloat16])
def test_listed_elements_are_read_and_the_last_is_repeated(dtype: Any) -> None:
    array = np.array([[1, 0, 1], [1, 1, 1]]).astype(dtype)
    whole = tf.make_tensor_proto(array)
    message = tensor_pb2.TensorProto(dtype=whole.dtype, tensor_shape=whole.tensor_shape)
    bits = array.view(np.uint16) if array.dtype.itemsize == 2 else array
    fields = {
        "float32": "float_val",
        "float64": "double_val",
        "int64": "int64_val",
        "bool": "bool_val",
    }
    fields |= {
        "float16": "half_val",
        "bfloat16": "half_val",
        "uint32": "uint32_val",
        "uint64": "uint64_val",
    }
    field = fields.get(array.dtype.name, "int_val")
    values = bits if field == "half_val" else array
    getattr(message, field).extend(values.ravel()[:3].tolist())
    read = tensor_proto.read(message.SerializeToString())
    assert same(read, array)
    assert same(read, tf.make_ndarray(message))


def test_negative_numbers_and_strings_are_read() -> None:
    for array in (
        np.array([-5], np.int32),
        np.array([-128], np.int8),
        np.array([-(2**63)], np.int64),
        np.array([[b"a"], [b""]], object),
    ):
        message = tf.make_tensor_proto(array)
        assert tensor_proto.read(message.SerializeToString()).tolist() == array.tolist()


def test_a_missing_list_is_zeros() -> None:
    message = tensor_pb2.TensorProto(dtype=1)
    message.tensor_shape.dim.add().size = 2
    assert tensor_proto.read(message.SerializeToString()).tolist() == [0, 0]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"dtype": 8}, "a tensor has type 8"),
        ({"float_val": [1, 2, 3]}, "a tensor of 2 elements gives 3"),
        ({"tensor_content": b"123"}, "buffer size|cannot reshape"),
        ({"shape": -1}, "leaves a size open"),
        ({"shape": 2**40}, "a tensor of 1099511627776 elements"),
    ],
)
def test_what_is_no_tensor_is_refused(change: dict[str, Any], reason: str) -> None:
    size = change.pop("shape", 2)
    message = tensor_pb2.TensorProto(**{"dtype": 1, **change})
    message.tensor_shape.dim.add().size = size
    with pytest.raises(ValueError, match=reason):
        tensor_proto.read(message.SerializeToString())
