"""TensorFlow's tensors, as TensorFlow itself and other people's clients write and read them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray
from tensorflow.core.framework.tensor_pb2 import TensorProto as Theirs

from service.errors import InputTooLarge, InvalidInput, UnsupportedType
from service.protocols.grpc.protos import tensorflow_pb2
from service.protocols.grpc.protos.tensorflow_pb2 import TensorProto
from service.protocols.tensorflow_serving import grpc_tensor_proto

_MEGABYTE = 1024 * 1024

NUMBERS = [
    np.array([[0, 1], [255, 128]], np.uint8),
    np.array([-128, 127], np.int8),
    np.array([65535, 0], np.uint16),
    np.array([-32768, 32767], np.int16),
    np.array([2**32 - 1, 0], np.uint32),
    np.array([-(2**31), 2**31 - 1], np.int32),
    np.array([2**64 - 1, 0], np.uint64),
    np.array([-(2**63), 2**63 - 1], np.int64),
    np.array([[1.5, -2.25, np.inf]], np.float16),
    np.array([1.5, -2.25, np.inf]).astype(tf.bfloat16.as_numpy_dtype),
    np.array([[[1.1], [np.nan]]], np.float32),
    np.array([1.1, -1e300], np.float64),
    np.array([True, False, True]),
    np.array([[b"a\0", b""], ["ä".encode(), b"d"]], object),
    np.array(3.25, np.float32),
    np.zeros((0, 4), np.float32),
    np.arange(300, dtype=np.float32).reshape(3, 100),
]


def _read(proto: Theirs) -> NDArray[Any]:
    ours = TensorProto.FromString(proto.SerializeToString())
    return grpc_tensor_proto.read(ours, "x", _MEGABYTE)


def _same(ours: NDArray[Any], theirs: NDArray[Any]) -> None:
    assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape)
    assert ours.tobytes() == theirs.tobytes() if ours.dtype != object else (ours == theirs).all()


@pytest.mark.parametrize("array", NUMBERS, ids=lambda array: str(array.dtype))
def test_what_tensorflow_writes_is_read(array: NDArray[Any]) -> None:
    _same(_read(tf.make_tensor_proto(array)), array)


@pytest.mark.parametrize("array", NUMBERS, ids=lambda array: str(array.dtype))
def test_tensorflow_reads_what_is_written(array: NDArray[Any]) -> None:
    proto = TensorProto()
    grpc_tensor_proto.write(proto, array)
    assert not proto.tensor_content, "clients without TensorFlow read float_val and its like"
    theirs = Theirs.FromString(proto.SerializeToString())
    _same(tf.make_ndarray(theirs), array)
    _same(_read(theirs), array)


def test_a_tensor_of_bytes_is_not_copied() -> None:
    array = _read(tf.make_tensor_proto(np.ones((2, 3), np.float32)))
    assert not array.flags.owndata
    assert not array.flags.writeable


@pytest.mark.parametrize("values", [[], [7.0], [7.0, 8.0], [1.0, 2.0, 3.0, 4.0, 5.0]])
def test_values_are_filled_up_as_tensorflow_does(values: list[float]) -> None:
    proto = Theirs(dtype=tf.float32.as_datatype_enum, float_val=values)
    proto.tensor_shape.dim.add(size=2)
    proto.tensor_shape.dim.add(size=2)
    _same(_read(proto), tf.io.parse_tensor(proto.SerializeToString(), tf.float32).numpy())


def test_a_value_alone_is_a_scalar() -> None:
    proto = TensorProto(dtype=tensorflow_pb2.DT_FLOAT, float_val=[2.5])
    _same(grpc_tensor_proto.read(proto, "x", 0), np.array(2.5, np.float32))


@pytest.mark.parametrize("texts", [[b"only"], [b"one", b"two"], []])
def test_strings_are_filled_up_too(texts: list[bytes]) -> None:
    proto = Theirs(dtype=tf.string.as_datatype_enum, string_val=texts)
    proto.tensor_shape.dim.add(size=3)
    _same(_read(proto), tf.io.parse_tensor(proto.SerializeToString(), tf.string).numpy())


def test_strings_as_content_are_read_as_tensorflow_packs_them() -> None:
    texts = [b"", b"a", b"b" * 300]
    content = b"\0\1\xac\2" + b"".join(texts)
    proto = Theirs(dtype=tf.string.as_datatype_enum, tensor_content=content)
    proto.tensor_shape.dim.add(size=3)
    _same(_read(proto), np.array(texts, object))
    _same(_read(proto), tf.io.parse_tensor(proto.SerializeToString(), tf.string).numpy())
    for broken in (content[:-1], content[:3], b"\xff" * 40):
        proto.tensor_content = broken
        with pytest.raises(InvalidInput, match="'x'"):
            _read(proto)


def test_elements_that_are_not_packed_are_read() -> None:
    unpacked = b"".join(b"\x2d" + np.float32(value).tobytes() for value in (1, 2))  # float_val = 5
    proto = TensorProto.FromString(b"\x08\x01" + b"\x12\x04\x12\x02\x08\x02" + unpacked)
    _same(grpc_tensor_proto.read(proto, "x", 0), np.array([1, 2], np.float32))


@pytest.mark.parametrize("number", [tensorflow_pb2.DT_COMPLEX64, tensorflow_pb2.DT_INVALID, 999])
def test_other_types_are_refused_by_name(number: int) -> None:
    proto = TensorProto()
    proto.ParseFromString(b"\x08" + bytes([number & 0x7F | 0x80, number >> 7]))
    with pytest.raises(UnsupportedType, match=r"'x' is (DT_COMPLEX64|DT_INVALID|of type 999), "):
        grpc_tensor_proto.read(proto, "x", 0)


def test_what_is_not_sound_is_refused() -> None:
    def refuse(match: str, *sizes: int, **fields: Any) -> None:
        proto = TensorProto(dtype=fields.pop("dtype", tensorflow_pb2.DT_FLOAT), **fields)
        for size in sizes:
            proto.tensor_shape.dim.add(size=size)
        with pytest.raises(InvalidInput, match=match) as caught:
            grpc_tensor_proto.read(proto, "x", _MEGABYTE)
        assert caught.value.param == "x"
        assert "'x'" in caught.value.message

    refuse(r"takes 8 bytes, 4 an element; got 3", 2, tensor_content=b"123")
    refuse(r"sizes are 0 or more; got \[-1\]", -1, float_val=[1])
    refuse(r"sizes are 0 or more; got \[-1\]", -1, tensor_content=b"1234")
    refuse(r"does not fit into uint8", 1, dtype=tensorflow_pb2.DT_UINT8, int_val=[256])
    refuse(r"does not fit into int8", 1, dtype=tensorflow_pb2.DT_INT8, int_val=[-129])
    refuse("no tensor has the shape", *[1] * 70, float_val=[1])
    unknown = TensorProto(dtype=tensorflow_pb2.DT_FLOAT, float_val=[1])
    unknown.tensor_shape.unknown_rank = True
    with pytest.raises(InvalidInput, match="its rank is unknown"):
        grpc_tensor_proto.read(unknown, "x", _MEGABYTE)


@pytest.mark.parametrize("dtype", [tensorflow_pb2.DT_FLOAT, tensorflow_pb2.DT_STRING])
def test_few_values_do_not_stand_for_a_huge_tensor(dtype: tensorflow_pb2.DataType) -> None:
    proto = TensorProto(dtype=dtype)
    proto.tensor_shape.dim.add(size=2**40)
    with pytest.raises(InputTooLarge, match=f"at most MAX_BODY_BYTES={_MEGABYTE}"):
        grpc_tensor_proto.read(proto, "x", _MEGABYTE)
