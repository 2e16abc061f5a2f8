"""Tensors in their raw form: what tritonclient writes we read, and the other way."""

from __future__ import annotations

from typing import Any, get_args

import ml_dtypes
import numpy as np
import pytest
import tensorflow as tf
from tritonclient import utils as triton

from service.codecs import datatypes
from service.errors import InvalidInput
from service.manifest import DType

_NUMBERS = [dtype for dtype in get_args(DType) if dtype not in ("string", "bool")]


@pytest.mark.parametrize("dtype", get_args(DType))
def test_every_type_of_a_manifest_has_a_name_there_and_back(dtype: DType) -> None:
    assert datatypes.dtype_of(datatypes.datatype_of(dtype)) == dtype
    array = np.zeros(1, datatypes.numpy_dtype(dtype))
    assert datatypes.datatype_of_array(array) == datatypes.datatype_of(dtype)


@pytest.mark.parametrize("dtype", _NUMBERS)
def test_numbers_are_named_and_laid_out_as_triton_does(dtype: DType) -> None:
    array = np.arange(6).astype(datatypes.numpy_dtype(dtype)).reshape(2, 3)
    datatype = datatypes.datatype_of(dtype)
    assert datatype == triton.np_to_triton_dtype(array.dtype)
    assert bytes(datatypes.to_raw(array)) == array.tobytes()
    back = datatypes.from_raw(array.tobytes(), datatype, [2, 3])
    assert back.dtype == array.dtype
    np.testing.assert_array_equal(back, array)


def test_numbers_are_not_copied() -> None:
    body = bytearray(np.arange(4, dtype=np.float32).tobytes())
    array = datatypes.from_raw(body, "FP32", [4])
    body[:4] = np.float32(7).tobytes()
    assert array[0] == 7
    own = np.arange(4, dtype=np.int64)
    raw = datatypes.to_raw(own)
    own[0] = 9
    assert raw[0] == 9


def test_numbers_that_are_not_aligned_are_read_all_the_same() -> None:
    body = b"x" + np.arange(4, dtype=np.float32).tobytes()
    array = datatypes.from_raw(memoryview(body)[1:], "FP32", [2, 2])
    assert array.flags.aligned
    np.testing.assert_array_equal(tf.constant(array), [[0, 1], [2, 3]])


def test_an_array_that_lies_in_another_order_is_written_row_by_row() -> None:
    array = np.arange(6, dtype=np.int16).reshape(2, 3).T
    assert np.frombuffer(datatypes.to_raw(array), np.int16).tolist() == [0, 3, 1, 4, 2, 5]


def test_bfloat16_is_the_upper_half_of_float32() -> None:
    values = np.array([[1.5, -2.0, 3.0]], np.float32)
    raw = (values.view(np.uint32) >> 16).astype(np.uint16).tobytes()
    array = datatypes.from_raw(raw, "BF16", [1, 3])
    assert array.dtype == ml_dtypes.bfloat16
    np.testing.assert_array_equal(array.astype(np.float32), values)
    assert bytes(datatypes.to_raw(array)) == raw


def test_bool_is_one_byte_and_any_byte_but_zero_is_true() -> None:
    array = datatypes.from_raw(b"\x00\x01\x02\xff", "BOOL", [4])
    assert array.dtype == bool
    assert array.tolist() == [False, True, True, True]
    assert bytes(datatypes.to_raw(array)) == b"\x00\x01\x01\x01"


def test_bytes_are_triton_s() -> None:
    texts = np.array([[b"", b"a\x00"], ["ü".encode(), b"z" * 300]], object)
    raw = triton.serialize_byte_tensor(texts).item()
    np.testing.assert_array_equal(datatypes.from_raw(raw, "BYTES", [2, 2]), texts)
    assert bytes(datatypes.to_raw(texts)) == raw
    assert bytes(datatypes.to_raw(np.array([["", "a\x00"], ["ü", "z" * 300]], object))) == raw


@pytest.mark.parametrize(
    ("data", "datatype", "shape", "message"),
    [
        (b"123", "FP32", [1], "takes 4 bytes"),
        (b"", "FP32", [1], "takes 4 bytes"),
        (b"1234", "FP32", [-1], "0 or more"),
        (b"1234", "FLOAT", [1], "FP32"),
        (b"", "INT8", [1] * 65 + [0], "no tensor has the shape"),
        (b"", "INT8", [0, 2**70], "no tensor has the shape"),
        (b"\x02\x00\x00", "BYTES", [1], "ends within the length"),
        (b"\x02\x00\x00\x00a", "BYTES", [1], "says it has 2 bytes; 1 follow"),
        (b"\x01\x00\x00\x00a", "BYTES", [2], "2 elements; got 1"),
    ],
)
def test_what_does_not_fit_is_refused(
    data: bytes, datatype: str, shape: list[int], message: str
) -> None:
    with pytest.raises(InvalidInput, match=message):
        datatypes.from_raw(data, datatype, shape)


@pytest.mark.parametrize(("datatype", "dtype"), [("FP32", np.float32), ("BYTES", object)])
def test_nothing_is_a_tensor_too(datatype: str, dtype: Any) -> None:
    array = datatypes.from_raw(b"", datatype, [0, 3])
    assert array.shape == (0, 3)
    assert array.dtype == dtype
    assert bytes(datatypes.to_raw(array)) == b""


def test_a_scalar_is_a_tensor_too() -> None:
    assert datatypes.from_raw(b"\x07", "UINT8", []).item() == 7
    assert bytes(datatypes.to_raw(np.array(7, np.uint8))) == b"\x07"
