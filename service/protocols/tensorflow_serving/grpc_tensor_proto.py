"""TensorFlow's `TensorProto`: a tensor as bytes, or as a list of values that may be cut short."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from service.codecs import datatypes
from service.errors import InputTooLarge, InvalidInput, UnsupportedType
from service.manifest import DType
from service.protocols.grpc import packed
from service.protocols.grpc.protos import tensorflow_pb2
from service.protocols.grpc.protos.tensorflow_pb2 import TensorProto

_TYPES: Final[dict[DType, tensorflow_pb2.DataType]] = {
    "bool": tensorflow_pb2.DT_BOOL,
    "uint8": tensorflow_pb2.DT_UINT8,
    "uint16": tensorflow_pb2.DT_UINT16,
    "uint32": tensorflow_pb2.DT_UINT32,
    "uint64": tensorflow_pb2.DT_UINT64,
    "int8": tensorflow_pb2.DT_INT8,
    "int16": tensorflow_pb2.DT_INT16,
    "int32": tensorflow_pb2.DT_INT32,
    "int64": tensorflow_pb2.DT_INT64,
    "float16": tensorflow_pb2.DT_HALF,
    "bfloat16": tensorflow_pb2.DT_BFLOAT16,
    "float32": tensorflow_pb2.DT_FLOAT,
    "float64": tensorflow_pb2.DT_DOUBLE,
    "string": tensorflow_pb2.DT_STRING,
}
_DTYPES: Final = {number: dtype for dtype, number in _TYPES.items()}
_FIELDS: Final[dict[DType, str]] = {
    "bool": "bool_val",
    "uint8": "int_val",
    "uint16": "int_val",
    "uint32": "uint32_val",
    "uint64": "uint64_val",
    "int8": "int_val",
    "int16": "int_val",
    "int32": "int_val",
    "int64": "int64_val",
    "float16": "half_val",
    "bfloat16": "half_val",
    "float32": "float_val",
    "float64": "double_val",
    "string": "string_val",
}


def read(proto: TensorProto, name: str, max_bytes: int) -> NDArray[Any]:
    """The tensor called `name` as an array; of `tensor_content` a view, read-only.

    As in TensorFlow, fewer values than elements are filled up with the last one, or with zeros
    where there is none, and values too many are left out. `max_bytes` bounds what comes of that.

    Raises:
        UnsupportedType: the type is none that requests carry.
        InvalidInput: the shape or the values are not sound.
        InputTooLarge: a few values stand for too large a tensor.
    """
    dtype = _DTYPES.get(proto.dtype)
    if dtype is None:
        raise UnsupportedType(
            f"the tensor '{name}' is {_type_name(proto.dtype)}, which is not taken; "
            f"these are: {', '.join(map(_type_name, _DTYPES))}",
            param=name,
        )
    shape = _shape(proto, name)
    try:
        if proto.tensor_content and dtype == "string":
            return _shaped(_texts(proto.tensor_content, math.prod(shape)), shape, name, max_bytes)
        if proto.tensor_content:
            content = proto.tensor_content
            return datatypes.from_raw(content, datatypes.datatype_of(dtype), shape)
        return _shaped(_values(proto, dtype), shape, name, max_bytes)
    except InvalidInput as error:
        if error.param == name:
            raise
        raise type(error)(f"the tensor '{name}': {error.message}", param=name) from None


def write(proto: TensorProto, array: NDArray[Any]) -> None:
    """Put an array into an empty `proto`, its values in the field of their type.

    That is where TensorFlow Serving has them, and clients read them there without TensorFlow.
    """
    dtype = cast(DType, "string" if array.dtype.kind in "OSU" else array.dtype.name)
    proto.dtype = _TYPES[dtype]
    proto.tensor_shape.SetInParent()
    for size in array.shape:
        proto.tensor_shape.dim.add(size=size)
    if dtype == "string":
        proto.string_val.extend(map(_encoded, array.ravel()))
    elif dtype in ("float16", "bfloat16"):
        packed.write(proto, "half_val", np.ascontiguousarray(array).view(np.uint16))
    else:
        packed.write(proto, _FIELDS[dtype], array)


def _type_name(number: int) -> str:
    known = tensorflow_pb2.DataType.DESCRIPTOR.values_by_number.get(number)
    return f"of type {number}" if known is None else known.name


def _encoded(element: bytes | str) -> bytes:
    return element.encode() if isinstance(element, str) else element


def _shape(proto: TensorProto, name: str) -> list[int]:
    if proto.tensor_shape.unknown_rank:
        raise InvalidInput(f"the tensor '{name}' has no shape: its rank is unknown", param=name)
    return [dim.size for dim in proto.tensor_shape.dim]


def _values(proto: TensorProto, dtype: DType) -> NDArray[Any]:
    """The values of the field of `dtype`, as many as there are."""
    field = _FIELDS[dtype]
    if dtype == "string":
        return datatypes.strings(proto.string_val, [len(proto.string_val)])
    kind = datatypes.numpy_dtype(dtype)
    try:
        if field == "half_val":  # the bits of each number
            return packed.read(proto, field, np.dtype(np.uint16)).view(kind)
        return packed.read(proto, field, kind)
    except OverflowError:
        raise InvalidInput(f"a value of {field} does not fit into {dtype}") from None


def _shaped(values: NDArray[Any], shape: Sequence[int], name: str, max_bytes: int) -> NDArray[Any]:
    """The values as a tensor of `shape`, whatever their number."""
    if any(size < 0 for size in shape):
        raise InvalidInput(f"a tensor's sizes are 0 or more; got {list(shape)}")
    count = math.prod(shape)
    if count > len(values) and count * values.itemsize > max_bytes:
        raise InputTooLarge(
            f"the tensor '{name}' has {len(values)} values that stand for {list(shape)}, "
            f"{count * values.itemsize} bytes; at most MAX_BODY_BYTES={max_bytes} are taken",
            param=name,
        )
    if count > len(values):
        last = values[-1] if len(values) else (b"" if values.dtype == object else 0)
        values = np.concatenate([values, np.full(count - len(values), last, values.dtype)])
    try:
        return values[:count].reshape(shape)
    except (ValueError, OverflowError) as error:  # more axes, or sizes, than NumPy has
        raise InvalidInput(f"no tensor has the shape {list(shape)[:40]}: {error}") from None


def _texts(content: bytes, count: int) -> NDArray[Any]:
    """The strings of a `tensor_content`: the length of each as a varint, then all of them."""
    lengths, start = [], 0
    for _ in range(count):
        length, start = _read_varint(content, start)
        lengths.append(length)
    if start + sum(lengths) != len(content):
        raise InvalidInput(f"{count} strings do not fill their {len(content)} bytes")
    elements = []
    for length in lengths:
        elements.append(content[start : start + length])
        start += length
    return datatypes.strings(elements, [count])


def _read_varint(data: bytes, start: int) -> tuple[int, int]:
    """The number that begins at `start`, and where it ends."""
    number = 0
    for position in range(start, min(len(data), start + 10)):
        number |= (data[position] & 0x7F) << (7 * (position - start))
        if data[position] < 0x80:
            return number, position + 1
    raise InvalidInput("the lengths of the strings are cut off")
