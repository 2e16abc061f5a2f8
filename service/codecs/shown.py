"""Quotes what a request said, in the messages of its errors."""

from __future__ import annotations

from typing import Any, Final

import orjson

_LONGEST: Final = 100
"""Characters of a value that a message quotes."""


def shown(value: Any) -> str:
    """A value as a message quotes it: JSON, not endless."""
    try:
        text = orjson.dumps(value).decode()
    except TypeError:  # nested more deeply than it writes, or half a surrogate pair
        text = "something that JSON does not hold"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} …"
