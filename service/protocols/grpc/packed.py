"""Repeated fields of numbers as NumPy arrays, at the speed of memory where their bytes allow it.

Python's protobuf gives a repeated field element by element, a Python object each. On the wire,
though, elements of fixed width lie side by side, little-endian: a message with that field alone,
written out, is the array behind a header of a few bytes, and the other way round.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from numpy.typing import NDArray

from service.codecs import protobuf

_FIXED: Final[dict[int, np.dtype[Any]]] = {
    FieldDescriptor.TYPE_FLOAT: np.dtype("<f4"),
    FieldDescriptor.TYPE_DOUBLE: np.dtype("<f8"),
    FieldDescriptor.TYPE_BOOL: np.dtype(np.bool_),  # a varint, but of one byte
}


def read(message: Message, field: str, dtype: np.dtype[Any]) -> NDArray[Any]:
    """The elements of the repeated field `field` as an array of one axis.

    Raises:
        OverflowError: an element does not fit into `dtype`.
    """
    elements = getattr(message, field)
    fixed = _FIXED.get(message.DESCRIPTOR.fields_by_name[field].type)
    if fixed is None or not elements:
        return np.fromiter(elements, dtype, len(elements))
    alone = type(message)()
    getattr(alone, field).MergeFrom(elements)
    written = alone.SerializeToString()
    size = len(elements) * fixed.itemsize
    array: NDArray[Any] = np.frombuffer(written, fixed, offset=len(written) - size)
    return np.require(array.astype(dtype, copy=False), requirements="A")


def write(message: Message, field: str, array: NDArray[Any]) -> None:
    """Append the elements of `array`, in row-major order, to the repeated field `field`."""
    descriptor = message.DESCRIPTOR.fields_by_name[field]
    fixed = _FIXED.get(descriptor.type)
    if fixed is None:
        getattr(message, field).extend(array.ravel().tolist())
        return
    elements = np.ascontiguousarray(array, fixed).tobytes()
    message.MergeFromString(protobuf.field(descriptor.number, elements))
