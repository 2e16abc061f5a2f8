"""Reads items for an index, their ids, vectors and metadata, from parsed JSON."""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from service.errors import InvalidInput
from service.protocols.lutrin.indexes.json import MAX_WIDTH
from service.protocols.lutrin.inputs import read_input
from service.search.items import Entry
from service.search.stores import FIELD_NAME, Metadata, Value
from service.settings import Settings

MAX_ID: Final = 256
"""Characters of an item's id."""
MAX_VALUE: Final = 1024
"""Characters of a text in an item's metadata."""
MAX_METADATA: Final = 32
"""Fields of one item's metadata."""
_EXACT: Final = 2**53
"""Integers up to here are exact as a double."""
_ID: Final = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]+")
_KEYS: Final = ("id", "text", "image", "vector", "metadata")
_SOURCES: Final = '"text": "…", "image": "<base64 or data URI>" or "vector": […]'


def read_entries(value: Any) -> list[Entry]:
    """The items of a request, as `parse` gives them.

    Raises:
        InvalidInput: one is none; `param` is such as `items[3].metadata`.
    """
    if not isinstance(value, list) or not value:
        raise InvalidInput(
            f"items is a list of one or more objects, each with {_SOURCES}", param="items"
        )
    entries = [_entry(each, f"items[{index}]") for index, each in enumerate(value)]
    seen: dict[str, int] = {}
    for index, entry in enumerate(entries):
        if entry.id is not None and seen.setdefault(entry.id, index) != index:
            raise InvalidInput(
                f"items[{index}].id is that of items[{seen[entry.id]}], too: {entry.id[:100]}",
                param=f"items[{index}].id",
            )
    vectors = [(index, entry.vector) for index, entry in enumerate(entries)]
    widths = {len(vector): index for index, vector in vectors if vector is not None}
    if len(widths) > 1:
        raise InvalidInput(
            f"the vectors have {' and '.join(map(str, sorted(widths)))} numbers; those of an index "
            "have all the same",
            param=f"items[{max(widths.values())}].vector",
        )
    return entries


def _entry(value: Any, name: str) -> Entry:
    if isinstance(value, str):
        value = {"text": value}
    if not isinstance(value, dict):
        raise InvalidInput(f"{name} is an object with {_SOURCES}", param=name)
    for key in value:
        if key not in _KEYS:
            raise InvalidInput(
                f"{name} has the unknown field '{key[:100]}'; known: {', '.join(_KEYS)}",
                param=name,
            )
    item_id = value.get("id")
    vector = read_vector(value["vector"], f"{name}.vector") if "vector" in value else None
    source = _source(value, name)
    if source is None and vector is None:
        raise InvalidInput(f"{name} has nothing to be found by: send {_SOURCES}", param=name)
    return Entry(
        None if item_id is None else read_id(item_id, f"{name}.id"),
        read_metadata(value.get("metadata"), f"{name}.metadata"),
        source,
        vector,
    )


def _source(value: dict[str, Any], name: str) -> str | bytes | None:
    sources = [key for key in ("text", "image") if key in value]
    if len(sources) == 2:
        raise InvalidInput(f"{name} has a text and an image; it is one of them", param=name)
    if not sources:
        return None
    [key] = sources
    return read_input({key: value[key]}, f"{name}.{key}")


def read_id(value: Any, name: str) -> str:
    """An item's id.

    Raises:
        InvalidInput: it is none.
    """
    if not isinstance(value, str) or not value or len(value) > MAX_ID or not _ID.fullmatch(value):
        raise InvalidInput(
            f"{name} is a text of 1 to {MAX_ID} characters, none of them a control character",
            param=name,
        )
    return value


def read_vector(value: Any, name: str) -> NDArray[np.float32]:
    """A vector, as `parse` gives it, or in base64 of little-endian float32.

    Raises:
        InvalidInput: it is something else.
    """
    if isinstance(value, np.ndarray):
        return value
    if isinstance(value, str):
        try:
            numbers = np.frombuffer(base64.b64decode(value, validate=True), "<f4")
        except ValueError:
            numbers = np.empty(0, np.float32)
        if 0 < len(numbers) <= MAX_WIDTH:
            return numbers.astype(np.float32)
    raise InvalidInput(
        f"{name} is a list of 1 to {MAX_WIDTH} numbers, or base64 of float32", param=name
    )


def read_metadata(value: Any, name: str) -> Metadata:
    """An item's metadata: texts, numbers and booleans by field.

    Raises:
        InvalidInput: it is something else.
    """
    if value is None:
        return {}
    if not isinstance(value, dict) or len(value) > MAX_METADATA:
        raise InvalidInput(
            f"{name} is an object of at most {MAX_METADATA} fields, such as "
            '{"colour": "red", "year": 1995}',
            param=name,
        )
    return {read_field(key, name): read_value(each, f"{name}.{key}") for key, each in value.items()}


def read_field(key: str, name: str) -> str:
    """The name of a field of metadata.

    Raises:
        InvalidInput: it is none.
    """
    if not FIELD_NAME.fullmatch(key):
        raise InvalidInput(
            f"{name} has the field '{key[:100]}'; fields are of letters, digits, _ and -, at most "
            "64 of them",
            param=name,
        )
    return key


def read_value(value: Any, name: str) -> Value:
    """A value of a field of metadata.

    Raises:
        InvalidInput: it is none.
    """
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and len(value) <= MAX_VALUE and "\x00" not in value:
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, int) and abs(value) <= _EXACT:
        return value
    raise InvalidInput(
        f"{name[:200]} is a text of at most {MAX_VALUE} characters without NUL, a number (integers "
        "up to 2^53), or a boolean",
        param=name[:200],
    )


def read_ids(value: Any, settings: Settings) -> Sequence[str]:
    """The ids of items.

    Raises:
        InvalidInput: it is something else.
    """
    most = settings.max_texts + settings.max_images
    if not isinstance(value, list) or not 0 < len(value) <= most:
        raise InvalidInput(f"ids is a list of 1 to {most} ids", param="ids")
    return [read_id(each, f"ids[{index}]") for index, each in enumerate(value)]
