"""A folder of vectors, kept by Qdrant's embedded engine; the only import of qdrant_edge.

Why this one, of what was compared on 100,000 vectors of width 512 on two cores: it lost nothing
acknowledged in 27 kills mid-write (zvec 0.8 mixed items up when it optimised and was killed), finds
the nearest in 3 to 9 ms by reading all of them (LanceDB 0.40 with its index: 21 ms; sqlite-vec: 137
ms and more), filters through indexes of the fields, and is one wheel of 14 MB that needs no other.

A shard's log is written before an update returns, which outlives the process; `add` and `delete`
also flush, which outlives the machine. The engine holds the interpreter while it works: it is
asked for little at a time.
"""

from __future__ import annotations

import base64
import uuid
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final, Literal, Self

import numpy as np
from qdrant_edge import (
    Distance,
    EdgeConfig,
    EdgeOptimizersConfig,
    EdgeShard,
    EdgeVectorParams,
    FieldCondition,
    HnswIndexConfig,
    MatchAny,
    Memory,
    PayloadSchemaType,
    PayloadSelector,
    Point,
    QuantizationSearchParams,
    Query,
    QueryRequest,
    RangeFloat,
    ScalarQuantizationConfig,
    ScalarType,
    ScrollRequest,
    SearchParams,
    UpdateOperation,
    VectorStorageDatatype,
)
from qdrant_edge import Filter as EdgeFilter

from service.errors import InvalidInput
from service.search.stores import MAX_FIELDS, AnyOf, Between, Filter, Hit, Item, Value, Vector

_IDS: Final = uuid.UUID("6f1b2f0e-6f0c-5f5b-9d0e-6c7574726e21")
"""The engine's ids are UUIDs or integers: ours become UUIDs of this namespace."""
_CANDIDATES: Final = 4.0
"""Of each item asked for, how many are looked up exactly where vectors are packed."""
_AT_ONCE: Final = 256
"""Items of one operation: some milliseconds, and far below a segment of the log."""

_PACKED_KB: Final = 1024
"""Vectors that take less are not packed."""
_PARAMS: Final = SearchParams(
    quantization=QuantizationSearchParams(rescore=True, oversampling=_CANDIDATES)
)
_Kind = Literal["texts", "numbers", "truths"]
"""Where a payload has the fields of one type, beside what the item itself has."""
_SCHEMAS: Final = {
    "texts": PayloadSchemaType.Keyword,
    "numbers": PayloadSchemaType.Float,
    "truths": PayloadSchemaType.Keyword,  # 0.9 takes MatchValue(True) for 1
}


class Shard:
    """The items of one index, of one width. Not for two threads at a time."""

    def __init__(self, shard: EdgeShard) -> None:
        self._shard = shard
        self._fields = set(shard.info().payload_schema)

    @classmethod
    def create(cls, folder: Path, width: int) -> Self:
        """Make a shard for vectors of `width` in a folder that is new or empty."""
        folder.mkdir(parents=True, exist_ok=True)
        vectors = EdgeVectorParams(
            size=width, distance=Distance.Dot, datatype=VectorStorageDatatype.Float16
        )
        config = EdgeConfig(
            vectors=vectors,
            # No graph: it finds what clusters in a third of the time that reading all takes, but
            # a tenth of what does not, and takes forty times as long to make.
            hnsw_config=HnswIndexConfig(m=0, ef_construct=4, full_scan_threshold=10),
            quantization_config=ScalarQuantizationConfig(
                type=ScalarType.Int8, quantile=0.999, memory=Memory.Pinned
            ),
            optimizers=EdgeOptimizersConfig(
                indexing_threshold=_PACKED_KB, default_segment_number=1, max_segment_size=2**31
            ),
        )
        return cls(EdgeShard.create(str(folder), config))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Open the shard that is in a folder."""
        return cls(EdgeShard.load(str(folder)))

    def close(self) -> None:
        """Write everything out and let the files go."""
        self._shard.flush()
        self._shard.close()

    def flush(self) -> None:
        """Write everything out."""
        self._shard.flush()

    def pack(self) -> None:
        """Keep the vectors in eight bits a number, too: a search of them is twice as fast.

        It holds the interpreter for a second each 100,000 vectors of width 512.
        """
        self._shard.optimize()

    @property
    def count(self) -> int:
        """How many items there are."""
        return self._shard.info().points_count  # to count them one by one takes milliseconds

    def add(self, items: Sequence[Item]) -> None:
        """Add items, or replace those with their ids; flushed when it returns.

        Raises:
            InvalidInput: there would be more fields than MAX_FIELDS.
        """
        self._index_fields(items)
        for start in range(0, len(items), _AT_ONCE):
            points = [_point(item) for item in items[start : start + _AT_ONCE]]
            self._shard.update(UpdateOperation.upsert_points(points))
        self._shard.flush()

    def get(self, ids: Iterable[str]) -> list[Item]:
        """The items of these ids that there are."""
        found = self._shard.retrieve(
            [_uuid(each) for each in ids], with_payload=True, with_vector=True
        )
        return [_item(record) for record in found]

    def scan(self, after: str | None, limit: int) -> tuple[list[Item], str | None]:
        """Up to `limit` items from `after` on, and where to go on."""
        request = ScrollRequest(
            offset=uuid.UUID(after) if after else None,
            limit=limit,
            with_payload=True,
            with_vector=True,
        )
        records, following = self._shard.scroll(request)
        return [_item(record) for record in records], str(following) if following else None

    def query(self, vector: Vector, top_k: int, where: Filter) -> list[Hit]:
        """The nearest to `vector`, the nearest first."""
        request = QueryRequest(
            limit=top_k,
            query=Query.Nearest(vector.tolist()),
            filter=EdgeFilter(must=[_condition(each) for each in where]) if where else None,
            params=_PARAMS,
            with_payload=PayloadSelector.Include(["id", "metadata", "text"]),
        )
        return [_hit(hit.score, hit.payload or {}) for hit in self._shard.query(request)]

    def delete(self, ids: Sequence[str]) -> int:
        """Delete items; gives how many there were; flushed when it returns."""
        found = self._shard.retrieve([_uuid(each) for each in ids], False, False)
        if found:
            self._shard.update(UpdateOperation.delete_points([record.id for record in found]))
            self._shard.flush()
        return len(found)

    def _index_fields(self, items: Iterable[Item]) -> None:
        """Have an index for each field: without one a filter reads every item there is."""
        new = {
            f"{_kind(value)}.{name}": _SCHEMAS[_kind(value)]
            for item in items
            for name, value in item.metadata.items()
        }
        new = {path: schema for path, schema in new.items() if path not in self._fields}
        if len(self._fields) + len(new) > MAX_FIELDS:
            raise InvalidInput(
                f"the index would have more than the {MAX_FIELDS} fields that it may have in all; "
                "use the same fields for all of its items",
                param="items",
            )
        for path, schema in new.items():
            self._shard.update(UpdateOperation.create_field_index(path, schema))
            self._fields.add(path)


def _uuid(item_id: str) -> uuid.UUID:
    return uuid.uuid5(_IDS, item_id)


def _kind(value: Value) -> _Kind:
    if isinstance(value, bool):
        return "truths"
    return "texts" if isinstance(value, str) else "numbers"


def _comparable(value: Value) -> str | float:
    return str(value).lower() if isinstance(value, bool) else value


def _point(item: Item) -> Point:
    # The metadata as it was sent, and beside it what filters compare, by type.
    payload: dict[str, Any] = {"id": item.id, "metadata": dict(item.metadata)}
    for name, value in item.metadata.items():
        payload.setdefault(_kind(value), {})[name] = _comparable(value)
    if item.text is not None:
        payload["text"] = item.text
    if item.image is not None:
        payload["image"] = base64.b64encode(item.image).decode()
    return Point(_uuid(item.id), item.vector.tolist(), payload)


def _hit(score: float, payload: dict[str, Any]) -> Hit:
    # Rounding to half precision may lengthen a vector by a little.
    cosine = min(1.0, max(-1.0, score))
    return Hit(payload["id"], cosine, payload["metadata"], payload.get("text"))


def _item(record: Any) -> Item:
    payload = record.payload
    image = payload.get("image")
    return Item(
        payload["id"],
        np.asarray(record.vector, np.float32),
        payload["metadata"],
        payload.get("text"),
        None if image is None else base64.b64decode(image),
    )


def _condition(condition: AnyOf | Between) -> EdgeFilter:
    name = condition.field
    if isinstance(condition, Between):
        bounds = RangeFloat(condition.gte, condition.gt, condition.lte, condition.lt)
        return EdgeFilter(must=[FieldCondition(f"numbers.{name}", range=bounds)])
    choices: list[Any] = []
    for kind in ("texts", "truths"):
        values = [str(_comparable(each)) for each in condition.values if _kind(each) == kind]
        if values:
            choices.append(FieldCondition(f"{kind}.{name}", match=MatchAny(values)))
    choices += [
        FieldCondition(f"numbers.{name}", range=RangeFloat(gte=each, lte=each))
        for each in condition.values
        if not isinstance(each, str | bool)
    ]
    return EdgeFilter(should=choices)
