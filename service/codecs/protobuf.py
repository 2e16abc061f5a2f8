"""Reads and writes the wire format of protocol buffers, without copying what it skips.

A message is a list of fields: a number, the layout of the value, and the value. The `protobuf`
package reads a message whole: a SavedModel with a graph of 400 MB takes it 443 ms and 800 MB, and
this, which reads its signatures alone, 0.2 ms and no memory; a tensor of 150,000 floats takes it
0.07 ms, and this 0.01 (measured with protobuf 6.33).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

Value = int | memoryview
"""A varint, or the bytes of anything else: a string, a message, packed or fixed numbers."""

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_LONGEST_VARINT = 10


def fields(message: bytes | memoryview) -> Iterator[tuple[int, Value]]:
    """The number and value of each field, in their order; nothing is copied.

    Raises:
        ValueError: it is not a message, or it is cut off.
    """
    view = memoryview(message)
    position = 0
    while position < len(view):
        key, position = _varint(view, position)
        number, layout = key >> 3, key & 7
        if layout == _VARINT:
            value, position = _varint(view, position)
            yield number, value
            continue
        if layout == _BYTES:
            size, position = _varint(view, position)
        elif layout in (_FIXED64, _FIXED32):
            size = 8 if layout == _FIXED64 else 4
        else:
            raise ValueError(f"no field is laid out as {layout}")
        if size > len(view) - position:
            raise ValueError("the message is cut off")
        yield number, view[position : position + size]
        position += size


def varints(value: Value) -> Iterator[int]:
    """The numbers of a repeated field: one, or as many as are packed.

    Raises:
        ValueError: the last is cut off.
    """
    if isinstance(value, int):
        yield value
        return
    position = 0
    while position < len(value):
        number, position = _varint(value, position)
        yield number


def signed(number: int) -> int:
    """The signed 64-bit integer that a varint stands for."""
    return number - 2**64 if number >= 2**63 else number


def content(value: Value) -> bytes | memoryview:
    """The bytes of a field.

    Raises:
        ValueError: it is a varint.
    """
    if isinstance(value, int):
        raise ValueError(f"expected bytes; got the number {value}")
    return value


def text(value: Value) -> str:
    """A field that is a string.

    Raises:
        ValueError: it is none.
    """
    return str(content(value), "utf-8")


def entry(value: Value) -> tuple[str, bytes | memoryview]:
    """The key and the value of one entry of a map of strings to messages.

    Raises:
        ValueError: it is no such entry.
    """
    members = dict(fields(content(value)))
    return text(members.get(1, memoryview(b""))), content(members.get(2, memoryview(b"")))


def field(number: int, value: bytes) -> bytes:
    """A field of bytes: a string, a message, or packed numbers."""

    return _written(number << 3 | _BYTES) + _written(len(value)) + value


def packed(numbers: Iterable[int]) -> bytes:
    """Signed integers, one varint after the other."""
    return b"".join(_written(number & (2**64 - 1)) for number in numbers)


def _written(number: int) -> bytes:
    digits = bytearray()
    while number > 127:
        digits.append(number & 127 | 128)
        number >>= 7
    digits.append(number)
    return bytes(digits)


def _varint(view: memoryview, position: int) -> tuple[int, int]:
    number = 0
    for index, byte in enumerate(view[position : position + _LONGEST_VARINT]):
        number |= (byte & 127) << 7 * index
        if byte < 128:
            return number & (2**64 - 1), position + index + 1
    raise ValueError("the message is cut off")
