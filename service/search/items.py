"""What a request puts into an index, and the items that it becomes."""

from __future__ import annotations

import uuid
from typing import NamedTuple

import numpy as np

from service.engine.vectors import unit
from service.errors import InvalidInput
from service.search.stores import Binding, Item, Metadata, Vector


class Entry(NamedTuple):
    """What is to become an item."""

    id: str | None
    metadata: Metadata
    input: str | bytes | None
    """A text or an image file; it is embedded where there is no vector."""
    vector: Vector | None


def item_of(entry: Entry, vector: Vector, keep: bool) -> Item:
    """What an index is to keep; without `keep` no text and no image."""
    source = entry.input if keep else None
    return Item(
        entry.id if entry.id is not None else str(uuid.uuid4()),
        vector,
        entry.metadata,
        source if isinstance(source, str) else None,
        source if isinstance(source, bytes) else None,
    )


def normal(vector: Vector, binding: Binding, field: str) -> Vector:
    """The vector with length 1; `field` is where the request has it.

    Raises:
        InvalidInput: an index that is so bound has no such vectors.
    """
    if len(vector) != binding.width:
        raise InvalidInput(
            f"{field} has {len(vector)} numbers; those of the index have {binding.width}",
            param=field,
        )
    if not np.isfinite(vector).all() or not vector.any():
        raise InvalidInput(f"{field} is all zeros, or has numbers that are none", param=field)
    # In double precision: the squares of large numbers are infinite in single.
    return unit(vector.astype(np.float64)).astype(np.float32)
