"""The tables of indexes in a database: what is said to them, and what they answer.

A row of `lutrin_indexes` says what an index is bound to and which table has its items; each of
these has an HNSW index of the vectors, in half precision as the embedded store has them.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from typing import Any, Final, LiteralString, NamedTuple

import numpy as np
from psycopg import sql
from psycopg.types.json import Jsonb

from service.errors import InvalidInput
from service.search.stores import AnyOf, Between, Binding, Filter, Hit, IndexInfo, Item, Vector
from service.search.stores.connections import Connection

_SETUP: Final = """
CREATE EXTENSION IF NOT EXISTS vector;
CREATE TABLE IF NOT EXISTS lutrin_indexes (
    name text PRIMARY KEY, items text NOT NULL, model text, version bigint, width int NOT NULL,
    created timestamptz NOT NULL DEFAULT now(), draft text
);
"""
_LOCK: Final = 0x6C757472
"""Advisory, while tables are made: two that come at once must not both make them."""
_BREADTH: Final = 400
"""Candidates that a search keeps (`hnsw.ef_search`), at the least."""
_MOST_BREADTH: Final = 1000
"""As many as pgvector allows, and as many where a filter lets few of them pass."""
_BOUNDS: Final[dict[str, LiteralString]] = {"gte": ">=", "gt": ">", "lte": "<=", "lt": "<"}


class Row(NamedTuple):
    """What `lutrin_indexes` says of an index."""

    table: str
    binding: Binding
    draft: str | None
    """The table that is being filled to take its place."""


def set_up(to: Connection) -> None:
    """Make what is not there."""
    with to.transaction():
        to.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        to.execute(_SETUP)


def infos(to: Connection, name: str | None = None) -> list[IndexInfo]:
    """All indexes by name, or the one of a name."""
    rows = to.execute(
        "SELECT name, items, model, version, width, extract(epoch FROM created)::float8 "
        "FROM lutrin_indexes WHERE name = coalesce(%s, name) ORDER BY name",
        (name,),
    ).fetchall()
    found = []
    for each, table, model, version, width, created in rows:
        count = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))
        [(number,)] = to.execute(count).fetchall()
        found.append(IndexInfo(each, Binding(width, model, version), number, created))
    return found


def row(to: Connection, name: str, lock: LiteralString = "") -> Row | None:
    """What is said of an index, which others cannot change until the transaction's end."""
    query = sql.SQL(
        "SELECT items, model, version, width, draft FROM lutrin_indexes WHERE name = %s {}"
    ).format(sql.SQL(lock))
    found = to.execute(query, (name,)).fetchone()
    if found is None:
        return None
    table, model, version, width, draft = found
    return Row(table, Binding(width, model, version), draft)


def create(to: Connection, name: str, binding: Binding) -> Row:
    """Make an index, or find the one that somebody made meanwhile."""
    to.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", (_LOCK, name))
    found = row(to, name, "FOR SHARE")
    if found is not None:
        return found
    table = create_table(to, binding.width)
    to.execute(
        "INSERT INTO lutrin_indexes (name, items, model, version, width) "
        "VALUES (%s, %s, %s, %s, %s)",
        (name, table, binding.model, binding.version, binding.width),
    )
    return Row(table, binding, None)


def create_table(to: Connection, width: int) -> str:
    """Make a table for items, of a name that nothing else has."""
    table = f"lutrin_items_{uuid.uuid4().hex}"
    name = sql.Identifier(table)
    to.execute(
        sql.SQL(
            'CREATE TABLE {} (id text COLLATE "C" PRIMARY KEY, embedding halfvec({}) NOT NULL, '
            "metadata jsonb NOT NULL, text text, image bytea)"
        ).format(name, sql.Literal(width))
    )
    to.execute(sql.SQL("CREATE INDEX ON {} USING hnsw (embedding halfvec_ip_ops)").format(name))
    to.execute(sql.SQL("CREATE INDEX ON {} USING gin (metadata jsonb_path_ops)").format(name))
    return table


def drop_table(to: Connection, table: str) -> None:
    """Delete a table of items, if it is there."""
    to.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(sql.Identifier(table)))


def insert(to: Connection, table: str, items: Sequence[Item]) -> None:
    """Add items, or put them in the place of those with their ids.

    Raises:
        InvalidInput: a text cannot be kept.
    """
    query = sql.SQL(
        "INSERT INTO {} (id, embedding, metadata, text, image) "
        "VALUES (%s, %s::halfvec, %s, %s, %s) "
        "ON CONFLICT (id) DO UPDATE SET embedding = EXCLUDED.embedding, "
        "metadata = EXCLUDED.metadata, text = EXCLUDED.text, image = EXCLUDED.image"
    ).format(sql.Identifier(table))
    for item in items:
        if item.text is not None and "\x00" in item.text:
            raise InvalidInput(
                f"the text of the item '{item.id[:100]}' has a NUL, which PostgreSQL does not "
                'keep: leave it out, or send "keep": false',
                param="items",
            )
    rows = [
        (item.id, _written(item.vector), Jsonb(dict(item.metadata)), item.text, item.image)
        for item in sorted(items, key=lambda item: item.id)  # one order: no two wait for each other
    ]
    with to.cursor() as cursor:
        cursor.executemany(query, rows)


def get(to: Connection, table: str, ids: Sequence[str]) -> list[Item]:
    """The items of these ids that there are."""
    return _select(to, table, "WHERE id = ANY(%s)", (list(ids),))


def scan(to: Connection, table: str, after: str, limit: int) -> list[Item]:
    """Up to `limit` items by id, from that after `after` on."""
    return _select(to, table, "WHERE id > %s ORDER BY id LIMIT %s", (after, limit))


def nearest(to: Connection, table: str, vector: Vector, top_k: int, where: Filter) -> list[Hit]:
    """The items nearest to `vector` of those that `where` lets pass."""
    conditions = [_condition(each) for each in where] or [sql.SQL("true")]
    query = sql.SQL(
        "SELECT id, -(embedding <#> %s::halfvec), metadata, text FROM {} WHERE {} "
        "ORDER BY embedding <#> %s::halfvec LIMIT %s"
    ).format(sql.Identifier(table), sql.SQL(" AND ").join(conditions))
    breadth = _MOST_BREADTH if where else min(_MOST_BREADTH, max(_BREADTH, 2 * top_k))
    written = _written(vector)
    with to.transaction():
        to.execute(sql.SQL("SET LOCAL hnsw.ef_search = {}").format(sql.Literal(breadth)))
        to.execute("SET LOCAL hnsw.iterative_scan = strict_order")
        rows = to.execute(query, (written, written, top_k)).fetchall()
    return [Hit(row[0], min(1.0, max(-1.0, row[1])), row[2], row[3]) for row in rows]


def delete(to: Connection, table: str, ids: Sequence[str]) -> int:
    """Delete items; gives how many there were."""
    query = sql.SQL("DELETE FROM {} WHERE id = ANY(%s)").format(sql.Identifier(table))
    return to.execute(query, (list(ids),)).rowcount


def _select(to: Connection, table: str, rest: LiteralString, values: tuple[Any, ...]) -> list[Item]:
    query = sql.SQL("SELECT id, embedding::text, metadata, text, image FROM {} {}").format(
        sql.Identifier(table), sql.SQL(rest)
    )
    return [
        Item(item_id, np.array(json.loads(embedding), np.float32), metadata, text, image)
        for item_id, embedding, metadata, text, image in to.execute(query, values).fetchall()
    ]


def _condition(condition: AnyOf | Between) -> sql.Composable:
    field = sql.Literal(condition.field)
    if isinstance(condition, AnyOf):
        # The operator that the index of metadata serves; it compares numbers as numbers.
        each = [
            sql.SQL("metadata @> {}::jsonb").format(
                sql.Literal(json.dumps({condition.field: value}))
            )
            for value in condition.values
        ]
        return sql.SQL("({})").format(sql.SQL(" OR ").join(each))
    bounds = [
        sql.SQL("(metadata->>{})::float8 {} {}").format(field, sql.SQL(sign), sql.Literal(bound))
        for key, sign in _BOUNDS.items()
        if (bound := getattr(condition, key)) is not None
    ]
    # CASE alone promises that what is no number is not read as one.
    return sql.SQL("CASE WHEN jsonb_typeof(metadata->{}) = 'number' THEN {} ELSE false END").format(
        field, sql.SQL(" AND ").join(bounds)
    )


def _written(vector: Vector) -> str:
    return json.dumps(vector.tolist())
