"""Reads JSON text, quickly where it is plain and patiently where it is not.

simdjson reads it, as views of the text: numbers go from it straight into a buffer. What it does not
read, Python's own reader does, slower: `NaN`, `Infinity`, and text that goes on after the first
value. Both give objects and lists, as simdjson's views or Python's own, and Python's plain values.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeGuard, cast

import simdjson

from service.errors import InvalidInput

_LONGEST: Final = 100
"""Characters of a value that a message quotes."""
_COUNTED: Final = 0xFFFFFF
"""simdjson counts a list's elements so far, and its binding writes a longer one past its end."""


def parse(text: bytes) -> Any:
    """The first JSON value in `text`; what follows it is ignored. Of a name given twice, the first.

    Raises:
        InvalidInput: there is none.
    """
    if text.count(b",") >= _COUNTED:
        return _parse_patiently(text)
    try:
        return simdjson.Parser().parse(text)
    except (ValueError, RuntimeError):
        return _parse_patiently(text)


def _parse_patiently(text: bytes) -> Any:
    # What follows the value need not be UTF-8; what is in it must, and is encoded again as it came.
    characters = text.decode("utf-8-sig", "surrogateescape").lstrip(" \t\r\n")
    if not characters:
        raise InvalidInput("JSON Parse error: The document is empty")
    try:
        return _READER.raw_decode(characters)[0]
    except json.JSONDecodeError as error:
        raise InvalidInput(f"JSON Parse error: {error.msg} at offset: {error.pos}") from None
    except RecursionError:
        raise InvalidInput("JSON Parse error: lists or objects are nested too deeply") from None
    except ValueError as error:  # a number too large
        raise InvalidInput(f"JSON Parse error: {error}") from None


def _finite(digits: str) -> float:
    if math.isinf(number := float(digits)):
        raise ValueError("Number too big to be stored in double.")
    return number


def _first_wins(members: list[tuple[str, Any]]) -> dict[str, Any]:
    return dict(reversed(members))


_READER: Final = json.JSONDecoder(parse_float=_finite, object_pairs_hook=_first_wins, strict=False)


def is_object(value: Any) -> TypeGuard[Mapping[str, Any]]:
    """Whether a parsed value is an object."""
    return isinstance(value, dict | simdjson.Object)


def is_list(value: Any) -> TypeGuard[Sequence[Any]]:
    """Whether a parsed value is a list."""
    return isinstance(value, list | simdjson.Array)


def is_base64(value: Any) -> bool:
    """Whether a parsed value stands for bytes: an object of one string, `b64`."""
    return is_object(value) and len(value) == 1 and isinstance(value.get("b64"), str)


def plain(value: Any) -> Any:
    """A parsed value as Python's own lists and dicts."""
    if isinstance(value, simdjson.Array):
        return value.as_list()
    return value.as_dict() if isinstance(value, simdjson.Object) else value


def kind(value: Any) -> str:
    """What JSON calls a parsed value: Null, False, True, Number, String, Array or Object."""
    if value is None or isinstance(value, bool):
        return {None: "Null", False: "False", True: "True"}[value]
    if isinstance(value, int | float):
        return "Number"
    return "String" if isinstance(value, str) else "Array" if is_list(value) else "Object"


def shown(value: Any) -> str:
    """A parsed value as a message quotes it: JSON, not endless."""
    if isinstance(value, simdjson.Array | simdjson.Object):
        text = cast(bytes, value.mini).decode()  # its stub says it is a string
    else:
        try:
            text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        except RecursionError:
            return f"{kind(value)} nested too deeply"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} …"
