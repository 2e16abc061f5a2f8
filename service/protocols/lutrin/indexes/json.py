"""JSON that may hold many vectors, which are read straight into arrays."""

from __future__ import annotations

from typing import Any, Final, cast

import numpy as np
import simdjson
from numpy.typing import NDArray

from service.errors import InputTooLarge, InvalidInput
from service.protocols.http.message import malformed
from service.settings import Settings

MAX_WIDTH: Final = 4000
"""Numbers of a vector: as many as pgvector's index takes."""
_VALUES: Final = 256
"""JSON values of one item or field, but for a vector."""


def parse(body: bytes, settings: Settings) -> dict[str, Any]:
    """The JSON object that a body is, vectors in it as arrays, float32 (D,).

    Raises:
        InvalidInput: it is something else.
        InputTooLarge: it has more items, or more in one, than any request may.
    """
    try:
        message = simdjson.Parser().parse(body)
    except (ValueError, RuntimeError) as error:
        raise malformed(error) from None
    if not isinstance(message, simdjson.Object):
        raise InvalidInput("the JSON body is an object, such as {…}")
    said: dict[str, Any] = {}
    for key in _keys(message):
        value = message[key]
        if key == "items" and isinstance(value, simdjson.Array):
            if len(value) > (most := settings.max_texts + settings.max_images):
                raise InputTooLarge(
                    f"items has {len(value)} items; {most} are taken at most", param="items"
                )
            said[key] = [_parsed(each, f"items[{index}]") for index, each in enumerate(value)]
        else:
            said[key] = _vector_or_plain(key, value, key)
    return said


def _parsed(value: Any, name: str) -> Any:
    if not isinstance(value, simdjson.Object):
        return _plain(value, name)
    return {key: _vector_or_plain(key, value[key], f"{name}.{key}") for key in _keys(value)}


def _keys(value: simdjson.Object) -> list[str]:
    if len(value) > _VALUES:
        raise InputTooLarge(f"an object has {len(value)} fields; that is more than any may have")
    return list(value)


def _vector_or_plain(key: str, value: Any, name: str) -> Any:
    if key != "vector" or not isinstance(value, simdjson.Array):
        return _plain(value, name)
    wrong = f"{name} is a list of 1 to {MAX_WIDTH} numbers, or base64 of float32"
    if not 0 < len(value) <= MAX_WIDTH:
        raise InvalidInput(f"{wrong}; got a list of {len(value)}", param=name)
    try:
        numbers = np.frombuffer(value.as_buffer(of_type="d"), np.float64)
    except (ValueError, TypeError):
        raise InvalidInput(f"{wrong}; got something else in the list", param=name) from None
    if len(numbers) != len(value) or cast(bytes, value.mini).count(b"[") > 1:
        raise InvalidInput(f"{wrong}; got lists in the list", param=name)
    return _float32(numbers)


def _float32(numbers: NDArray[np.float64]) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):  # what is too large becomes infinite, and is refused later
        return numbers.astype(np.float32)


def _plain(value: Any, name: str, left: int = _VALUES) -> Any:
    """A value as Python objects, if it is not made of too many."""
    if isinstance(value, simdjson.Object | simdjson.Array):
        if (found := _count(value, left)) > left:
            raise InputTooLarge(f"{name} has {found} JSON values or more; that is too many")
        return value.as_dict() if isinstance(value, simdjson.Object) else value.as_list()
    return value


def _count(value: Any, most: int) -> int:
    if isinstance(value, simdjson.Object):
        inner = [value[key] for key in value] if len(value) <= most else []
    elif isinstance(value, simdjson.Array):
        inner = list(value) if len(value) <= most else []
    else:
        return 0
    found = len(value)
    for each in inner:
        if found > most:
            break
        found += _count(each, most - found)
    return found
