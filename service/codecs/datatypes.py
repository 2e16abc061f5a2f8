"""The Open Inference Protocol's names of types, and its binary form of tensors.

A tensor's raw form is its elements in row-major order, little-endian, without padding: BOOL is one
byte each, FP16 and BF16 are two, and each element of BYTES follows its length in four bytes. It is
the same over HTTP (the binary tensor extension) and gRPC (`raw_input_contents`). The machines this
service runs on are little-endian themselves, so that numbers are never copied.
"""

from __future__ import annotations

import importlib
import math
import struct
from collections.abc import Sequence
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from service.errors import InvalidInput
from service.manifest import DType

_DATATYPES: Final[dict[DType, str]] = {
    "bool": "BOOL",
    "uint8": "UINT8",
    "uint16": "UINT16",
    "uint32": "UINT32",
    "uint64": "UINT64",
    "int8": "INT8",
    "int16": "INT16",
    "int32": "INT32",
    "int64": "INT64",
    "float16": "FP16",
    "bfloat16": "BF16",
    "float32": "FP32",
    "float64": "FP64",
    "string": "BYTES",
}
_DTYPES: Final = {datatype: dtype for dtype, datatype in _DATATYPES.items()}
DATATYPES: Final = tuple(_DTYPES)
"""The protocol's name of every type."""

_LENGTH: Final = struct.Struct("<I")


def datatype_of(dtype: DType) -> str:
    """The protocol's name of a manifest's type: `float32` is `FP32`."""
    return _DATATYPES[dtype]


def datatype_of_array(array: NDArray[Any]) -> str:
    """The protocol's name of an array's type; objects and strings are BYTES."""
    return _DATATYPES[cast(DType, "string" if array.dtype.kind in "OSU" else array.dtype.name)]


def dtype_of(datatype: str) -> DType:
    """The manifest's name of a protocol's type: `FP32` is `float32`.

    Raises:
        InvalidInput: the protocol has no such type.
    """
    dtype = _DTYPES.get(datatype)
    if dtype is None:
        raise InvalidInput(
            f"'{datatype[:100]}' is no datatype; there are: {', '.join(DATATYPES)}",
            param="datatype",
        )
    return dtype


def numpy_dtype(dtype: DType) -> np.dtype[Any]:
    """The type of an array that holds a manifest's type; strings are objects of type bytes.

    Raises:
        InvalidInput: it is bfloat16, and the package that gives it to NumPy is not installed.
    """
    if dtype == "string":
        return np.dtype(object)
    if dtype != "bfloat16":
        return np.dtype(dtype)
    try:
        bfloat16: np.dtype[Any] = np.dtype(importlib.import_module("ml_dtypes").bfloat16)
    except ImportError:
        raise InvalidInput(
            "this service has no bfloat16 tensors: send FP32, or install lutrin[tensorflow]"
        ) from None
    return bfloat16


def from_raw(
    data: bytes | bytearray | memoryview, datatype: str, shape: Sequence[int]
) -> NDArray[Any]:
    """The tensor of `shape` whose raw form is `data`.

    Numbers are not copied where they are aligned: the array, read-only, stands on `data`'s memory.

    Raises:
        InvalidInput: the datatype is unknown, or the bytes are not as many as the shape needs.
    """
    dtype, count = dtype_of(datatype), _count(shape)
    if dtype == "string":
        return _strings(memoryview(data), count, shape)
    itemsize = numpy_dtype(dtype).itemsize
    if len(data) != count * itemsize:
        raise InvalidInput(
            f"{datatype} {list(shape)} takes {count * itemsize} bytes, {itemsize} an element; "
            f"got {len(data)}"
        )
    if dtype == "bool":  # any byte may come; in NumPy's own only 0 and 1 are sound
        return _shaped(np.frombuffer(data, np.uint8) != 0 if count else np.empty(0, bool), shape)
    array = np.frombuffer(data, numpy_dtype(dtype)) if count else np.empty(0, numpy_dtype(dtype))
    return _shaped(np.require(array, requirements="A"), shape)


def _count(shape: Sequence[int]) -> int:
    if any(size < 0 for size in shape):
        raise InvalidInput(f"a tensor's sizes are 0 or more; got {list(shape)}", param="shape")
    return math.prod(shape)


def _shaped(array: NDArray[Any], shape: Sequence[int]) -> NDArray[Any]:
    try:
        return array.reshape(shape)
    except (ValueError, OverflowError) as error:  # more axes, or sizes, than NumPy has
        raise InvalidInput(f"no tensor has the shape {list(shape)[:40]}: {error}") from None


def _strings(data: memoryview, count: int, shape: Sequence[int]) -> NDArray[Any]:
    """The BYTES elements: each its length, then itself."""
    elements: list[bytes] = []
    start, end = 0, len(data)
    while start < end:
        if start + _LENGTH.size > end:
            raise InvalidInput(f"BYTES ends within the length of element {len(elements)}")
        [length] = _LENGTH.unpack_from(data, start)
        start += _LENGTH.size
        if length > end - start:
            raise InvalidInput(
                f"BYTES element {len(elements)} says it has {length} bytes; {end - start} follow"
            )
        elements.append(bytes(data[start : start + length]))
        start += length
    if len(elements) != count:
        raise InvalidInput(f"BYTES {list(shape)} has {count} elements; got {len(elements)}")
    return strings(elements, shape)


def strings(elements: Sequence[bytes], shape: Sequence[int]) -> NDArray[Any]:
    """An array of `shape` of objects of type bytes.

    Raises:
        InvalidInput: there are not as many elements as the shape needs.
    """
    array = np.empty(len(elements), object)
    array[:] = elements
    return _shaped(array, shape)


def to_raw(array: NDArray[Any]) -> bytes | memoryview:
    """The raw form of a tensor; of numbers a view of their own memory where they lie in order."""
    if array.dtype.kind in "OSU":
        return b"".join(_with_length(_encoded(element)) for element in array.ravel())
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data


def _encoded(element: bytes | str) -> bytes:
    return element.encode() if isinstance(element, str) else bytes(element)


def _with_length(element: bytes) -> bytes:
    return _LENGTH.pack(len(element)) + element
