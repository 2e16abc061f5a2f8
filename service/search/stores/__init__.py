"""Items and their vectors, kept and found by what is near: one kind of store a module.

`embedded` keeps them in a folder, `postgres` on a server with pgvector; `opening` chooses by the
setting INDEXES. Every call may block, so none belongs on the event loop; any thread may call.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

INDEX_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
"""What an index may be called."""
FIELD_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,63}")
"""What a field of an item's metadata may be called."""
MAX_FIELDS: Final = 128
"""Fields of one index's metadata, a field with values of two types being two."""

Vector: TypeAlias = NDArray[np.float32]
"""float32 (D,), of length 1."""
Value: TypeAlias = str | float | bool
"""What a field of an item's metadata is; a number has at most the 53 bits of a double."""
Metadata: TypeAlias = Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Binding:
    """What filled an index: a version of a model, or nothing we know, and how wide its vectors."""

    width: int
    model: str | None = None
    version: int | None = None


@dataclass(frozen=True, slots=True)
class IndexInfo:
    """An index as it is now."""

    name: str
    binding: Binding
    count: int
    created: float
    """Seconds since 1970."""


@dataclass(frozen=True, slots=True, eq=False)
class Item:
    """What an index keeps: a vector, and what it was made of where that is kept too."""

    id: str
    vector: Vector
    metadata: Metadata = field(default_factory=dict)
    text: str | None = None
    image: bytes | None = None
    """An image file, as it was sent."""


@dataclass(frozen=True, slots=True)
class Hit:
    """An item that was found, without its vector and image."""

    id: str
    score: float
    """The cosine of its vector and the query's."""
    metadata: Metadata
    text: str | None


@dataclass(frozen=True, slots=True)
class AnyOf:
    """A field that equals one of some values, in type too: `"3"`, `3` and `true` are three."""

    field: str
    values: Sequence[Value]


@dataclass(frozen=True, slots=True)
class Between:
    """A field that is a number within bounds, where they are not None."""

    field: str
    gte: float | None = None
    gt: float | None = None
    lte: float | None = None
    lt: float | None = None


Filter: TypeAlias = Sequence[AnyOf | Between]
"""All of them hold; none at all lets everything pass."""


class Draft(Protocol):
    """An index's next contents, which nobody sees before `publish`."""

    def add(self, items: Sequence[Item]) -> None:
        """Add items, whose ids are new to the draft or replace those before."""

    def publish(self) -> None:
        """Put the draft in the index's place, at once and for good."""

    def discard(self) -> None:
        """Forget the draft, if it is not published."""


class VectorStore(Protocol):
    """Keeps indexes. What a call has changed when it returns, outlives the process, killed or not.

    Each method that names an index raises IndexNotFound where there is none.
    """

    def all(self) -> list[IndexInfo]:
        """Every index, by name."""

    def find(self, name: str) -> IndexInfo | None:
        """An index as it is now, if there is one of this name."""

    def binding(self, name: str) -> Binding | None:
        """What an index is bound to, if there is one of this name: quicker than `find`."""

    def add(self, name: str, binding: Binding, items: Sequence[Item]) -> None:
        """Add items, or put them in the place of those with their ids; the first make the index.

        Raises:
            Conflict: the index is bound to something else.
            InvalidInput: the index would have more fields than MAX_FIELDS.
        """

    def get(self, name: str, ids: Sequence[str]) -> list[Item]:
        """The items of these ids that there are, in any order."""

    def scan(self, name: str, after: str | None, limit: int) -> tuple[list[Item], str | None]:
        """Up to `limit` items in an order of the store's own, and where to go on, if anywhere."""

    def query(
        self, name: str, binding: Binding, vector: Vector, top_k: int, where: Filter = ()
    ) -> list[Hit]:
        """The items nearest to `vector` of those that `where` lets pass, the nearest first.

        Raises:
            Conflict: the index is bound to something else, which did not make `vector`.
        """

    def delete(self, name: str, ids: Sequence[str]) -> int:
        """Delete items; gives how many there were."""

    def drop(self, name: str) -> None:
        """Delete an index and all that is in it."""

    def draft(self, name: str, binding: Binding) -> Draft:
        """Begin an index's next contents, bound to something else.

        Raises:
            Conflict: there is a draft of it already.
        """

    def close(self) -> None:
        """Let go of files and connections; nothing is called after."""
