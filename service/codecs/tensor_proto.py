"""TensorFlow's `TensorProto` as a NumPy array, read without TensorFlow."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from service.codecs import protobuf
from service.codecs.datatypes import numpy_dtype
from service.manifest import DType

_DTYPES: Final[dict[int, DType]] = {
    1: "float32",
    2: "float64",
    3: "int32",
    4: "uint8",
    5: "int16",
    6: "int8",
    7: "string",
    9: "int64",
    10: "bool",
    14: "bfloat16",
    17: "uint16",
    19: "float16",
    22: "uint32",
    23: "uint64",
}
"""By the numbers of TensorFlow's `DataType`."""
_CONTENT: Final = 4
"""The field that holds all elements as they lie in memory; others hold them one by one."""
_MOST_ELEMENTS: Final = 2**31


def read(message: bytes | memoryview) -> NDArray[Any]:
    """The tensor that a message holds. The last element given stands for those left out.

    Raises:
        ValueError: it is no such message, or its type is none that requests carry.
    """
    values: dict[int, list[protobuf.Value]] = {}
    for number, value in protobuf.fields(message):
        values.setdefault(number, []).append(value)
    [code] = values.get(1, [0])
    if not isinstance(code, int) or code not in _DTYPES:
        raise ValueError(f"a tensor has type {code}, which requests cannot carry")
    dtype = _DTYPES[code]
    shape = _shape(protobuf.content(values[2][-1])) if 2 in values else ()
    count = math.prod(shape)
    if count > _MOST_ELEMENTS:
        raise ValueError(f"a tensor of {count} elements")
    if _CONTENT in values:
        content = protobuf.content(values[_CONTENT][-1])
        return np.frombuffer(content, numpy_dtype(dtype)).reshape(shape)
    field, elements = _LISTS.get(dtype, (7, _integers))
    given = elements(values.get(field, []), dtype)
    return _filled(given, count, dtype).reshape(shape)


def _shape(message: bytes | memoryview) -> tuple[int, ...]:
    sizes = []
    for number, value in protobuf.fields(message):
        if number == 2:
            size = dict(protobuf.fields(protobuf.content(value))).get(1, 0)
            sizes.append(protobuf.signed(size) if isinstance(size, int) else 0)
    if any(size < 0 for size in sizes):
        raise ValueError("a tensor leaves a size open")
    return tuple(sizes)


def _filled(given: NDArray[Any], count: int, dtype: DType) -> NDArray[Any]:
    if len(given) > count:
        raise ValueError(f"a tensor of {count} elements gives {len(given)}")
    filled = np.zeros(count, numpy_dtype(dtype))
    if dtype == "string":
        filled[:] = b""
    filled[: len(given)] = given
    if len(given):
        filled[len(given) :] = given[-1]
    return filled


def _fixed(values: list[protobuf.Value], dtype: DType) -> NDArray[Any]:
    return np.frombuffer(b"".join(protobuf.content(each) for each in values), numpy_dtype(dtype))


def _integers(values: list[protobuf.Value], dtype: DType) -> NDArray[Any]:
    numbers = [protobuf.signed(number) for each in values for number in protobuf.varints(each)]
    return np.array(numbers, np.int64).astype(numpy_dtype(dtype))


def _halves(values: list[protobuf.Value], dtype: DType) -> NDArray[Any]:
    return _integers(values, "uint16").view(numpy_dtype(dtype))


def _strings(values: list[protobuf.Value], dtype: DType) -> NDArray[Any]:
    array = np.empty(len(values), object)
    array[:] = [bytes(protobuf.content(each)) for each in values]
    return array


_Elements = Callable[[list[protobuf.Value], DType], NDArray[Any]]
_LISTS: Final[dict[DType, tuple[int, _Elements]]] = {
    "float32": (5, _fixed),
    "float64": (6, _fixed),
    "string": (8, _strings),
    "int64": (10, _integers),
    "bool": (11, _integers),
    "float16": (13, _halves),
    "bfloat16": (13, _halves),
    "uint32": (16, _integers),
    "uint64": (17, _integers),
}
"""The field of a type's elements, and how they are read; those not listed stand in `int_val`."""
