"""Indexes in a PostgreSQL database with pgvector, for as many processes as like.

A table of `lutrin_indexes` says what there is; the items of each index are in a table of their own
with an HNSW index of its vectors, in half precision as the embedded store has them.
"""

from __future__ import annotations

import json
import queue
import re
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, LiteralString, TypeVar

import numpy as np
import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from service.errors import Conflict, IndexNotFound, NotReady
from service.indexes import AnyOf, Between, Binding, Draft, Filter, Hit, IndexInfo, Item, Vector

T = TypeVar("T")
Connection = psycopg.Connection[tuple[Any, ...]]

_CONNECTIONS: Final = 4
"""Kept open between calls."""
_BREADTH: Final = 200
"""Candidates that a search of the graph keeps (`ef_search`)."""
_MOST_BREADTH: Final = 1000
_SETUP: Final = """
CREATE EXTENSION IF NOT EXISTS vector;
CREATE TABLE IF NOT EXISTS lutrin_indexes (
    name text PRIMARY KEY, items text NOT NULL, model text, version bigint, width int NOT NULL,
    created timestamptz NOT NULL DEFAULT now(), draft text
);
"""
_LOCK: Final = 0x6C757472
"""Advisory: two processes that start at once must not both create the extension."""
_COLUMNS: Final = "id, embedding, metadata, text, image"
_BOUNDS: Final = {"gte": ">=", "gt": ">", "lte": "<=", "lt": "<"}
_PASSWORD: Final = re.compile(r"(?<=:)[^:@/]+(?=@)")


class PostgresStore:
    """A `VectorStore` in a database."""

    def __init__(self, url: str) -> None:
        """Connect, and make the tables that are not there.

        Raises:
            NotReady: the database cannot be had, or has no pgvector.
        """
        self._url = url
        self._idle: queue.LifoQueue[Connection] = queue.LifoQueue()
        self._run(self._set_up)

    def all(self) -> list[IndexInfo]:
        """As `VectorStore` says."""
        return self._run(_infos)

    def find(self, name: str) -> IndexInfo | None:
        """As `VectorStore` says."""
        return self._run(lambda to: next(iter(_infos(to, name)), None))

    def add(self, name: str, binding: Binding, items: Sequence[Item]) -> None:
        """As `VectorStore` says."""

        def work(to: Connection) -> None:
            with to.transaction():
                row = _row(to, name, "FOR SHARE")
                if row is None:
                    # Whoever comes second waits here for the first, and finds its index.
                    to.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", (_LOCK, name))
                    row = _row(to, name, "FOR SHARE") or _create(to, name, binding)
                table, bound, draft = row
                if draft is not None:
                    raise _unsettled(name)
                if bound != binding:
                    raise Conflict(
                        f"the index '{name}' came to be bound to something else meanwhile"
                    )
                _insert(to, table, items)

        self._run(work)

    def get(self, name: str, ids: Sequence[str]) -> list[Item]:
        """As `VectorStore` says."""
        query = sql.SQL(f"SELECT {_COLUMNS} FROM {{}} WHERE id = ANY(%s)")  # noqa: S608 — constant
        return self._run(
            lambda to: [
                _item(row)
                for row in to.execute(query.format(_table(to, name)), (list(ids),)).fetchall()
            ]
        )

    def scan(self, name: str, after: str | None, limit: int) -> tuple[list[Item], str | None]:
        """As `VectorStore` says."""
        query = sql.SQL(
            f"SELECT {_COLUMNS} FROM {{}} WHERE id > %s ORDER BY id LIMIT %s"  # noqa: S608 — constant
        )

        def work(to: Connection) -> tuple[list[Item], str | None]:
            rows = to.execute(query.format(_table(to, name)), (after or "", limit)).fetchall()
            items = [_item(row) for row in rows]
            return items, items[-1].id if len(items) == limit else None

        return self._run(work)

    def query(self, name: str, vector: Vector, top_k: int, where: Filter = ()) -> list[Hit]:
        """As `VectorStore` says."""

        def work(to: Connection) -> list[Hit]:
            conditions = [_condition(each) for each in where]
            query = sql.SQL(
                "SELECT id, -(embedding <#> %s::halfvec) AS score, metadata, text FROM {} {} "
                "ORDER BY embedding <#> %s::halfvec LIMIT %s"
            ).format(
                _table(to, name),
                sql.SQL("WHERE ") + sql.SQL(" AND ").join(conditions)
                if conditions
                else sql.SQL(""),
            )
            breadth = min(_MOST_BREADTH, max(_BREADTH, 2 * top_k))
            text = _text(vector)
            with to.transaction():
                to.execute(f"SET LOCAL hnsw.ef_search = {breadth}")
                to.execute("SET LOCAL hnsw.iterative_scan = strict_order")
                rows = to.execute(query, (text, text, top_k)).fetchall()
            return [Hit(row[0], min(1.0, max(-1.0, row[1])), row[2], row[3]) for row in rows]

        return self._run(work)

    def delete(self, name: str, ids: Sequence[str]) -> int:
        """As `VectorStore` says."""

        def work(to: Connection) -> int:
            with to.transaction():
                row = _row(to, name, "FOR SHARE")
                if row is None:
                    raise _not_found(name)
                table, _, draft = row
                if draft is not None:
                    raise _unsettled(name)
                query = sql.SQL("DELETE FROM {} WHERE id = ANY(%s)").format(sql.Identifier(table))
                return to.execute(query, (list(ids),)).rowcount

        return self._run(work)

    def drop(self, name: str) -> None:
        """As `VectorStore` says."""

        def work(to: Connection) -> None:
            with to.transaction():
                row = to.execute(
                    "DELETE FROM lutrin_indexes WHERE name = %s RETURNING items, draft", (name,)
                ).fetchone()
                if row is None:
                    raise _not_found(name)
                for table in filter(None, row):
                    to.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(sql.Identifier(table)))

        self._run(work)

    def draft(self, name: str, binding: Binding) -> Draft:
        """As `VectorStore` says."""
        return _Draft(self._run, name, binding)

    def close(self) -> None:
        """As `VectorStore` says."""
        while not self._idle.empty():
            self._idle.get_nowait().close()

    def _run(self, work: Callable[[Connection], T]) -> T:
        """What `work` gives with a connection, a new one where those at hand were cut off."""
        with self._connection() as connection:
            return work(connection)

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        connection = None
        try:
            connection = self._idle_one() or psycopg.connect(
                self._url, autocommit=True, connect_timeout=10
            )
            yield connection
        except psycopg.OperationalError as error:
            shown = _PASSWORD.sub("…", self._url)
            raise NotReady(f"the database of the indexes ({shown}) failed: {error}") from None
        finally:
            if connection is not None:
                if connection.closed or self._idle.qsize() >= _CONNECTIONS:
                    connection.close()
                else:
                    self._idle.put(connection)

    def _idle_one(self) -> Connection | None:
        while True:
            try:
                connection = self._idle.get_nowait()
            except queue.Empty:
                return None
            try:
                connection.execute("")  # a server that was started anew has cut it off
            except psycopg.OperationalError:
                connection.close()
            else:
                return connection

    def _set_up(self, to: Connection) -> None:
        try:
            with to.transaction():
                to.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
                to.execute(_SETUP)
        except psycopg.Error as error:
            raise NotReady(
                f"the database of the indexes cannot be used: {error}; it needs pgvector 0.8 or "
                "later, and a role that may create tables"
            ) from None


class _Draft:
    """A table that is being filled."""

    def __init__(
        self, run: Callable[[Callable[[Connection], Any]], Any], name: str, binding: Binding
    ) -> None:
        self._run = run
        self._name = name
        self._binding = binding
        self._table = _new_table()
        run(self._begin)

    def add(self, items: Sequence[Item]) -> None:
        self._run(lambda to: _insert(to, self._table, items))

    def publish(self) -> None:
        self._run(self._publish)

    def discard(self) -> None:
        self._run(self._discard)

    def _begin(self, to: Connection) -> None:
        with to.transaction():
            row = _row(to, self._name, "FOR UPDATE")
            if row is None:
                raise _not_found(self._name)
            if row[2] is not None:
                raise _unsettled(self._name)
            _create_table(to, self._table, self._binding.width)
            to.execute(
                "UPDATE lutrin_indexes SET draft = %s WHERE name = %s", (self._table, self._name)
            )

    def _publish(self, to: Connection) -> None:
        with to.transaction():
            row = _row(to, self._name, "FOR UPDATE")
            if row is None or row[2] != self._table:
                raise _not_found(self._name)
            to.execute(
                "UPDATE lutrin_indexes SET items = %s, draft = NULL, model = %s, version = %s, "
                "width = %s WHERE name = %s",
                (
                    self._table,
                    self._binding.model,
                    self._binding.version,
                    self._binding.width,
                    self._name,
                ),
            )
            to.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(row[0])))

    def _discard(self, to: Connection) -> None:
        with to.transaction():
            row = to.execute(
                "UPDATE lutrin_indexes SET draft = NULL WHERE name = %s AND draft = %s RETURNING 1",
                (self._name, self._table),
            ).fetchone()
            if row is not None:
                to.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(self._table)))


def _new_table() -> str:
    return f"lutrin_items_{uuid.uuid4().hex}"


def _create(to: Connection, name: str, binding: Binding) -> tuple[str, Binding, None]:
    table = _new_table()
    _create_table(to, table, binding.width)
    to.execute(
        "INSERT INTO lutrin_indexes (name, items, model, version, width) "
        "VALUES (%s, %s, %s, %s, %s)",
        (name, table, binding.model, binding.version, binding.width),
    )
    return table, binding, None


def _create_table(to: Connection, table: str, width: int) -> None:
    name = sql.Identifier(table)
    to.execute(
        sql.SQL(
            'CREATE TABLE {} (id text COLLATE "C" PRIMARY KEY, embedding halfvec({}) NOT NULL, '
            "metadata jsonb NOT NULL, text text, image bytea)"
        ).format(name, sql.Literal(width))
    )
    to.execute(sql.SQL("CREATE INDEX ON {} USING hnsw (embedding halfvec_ip_ops)").format(name))
    to.execute(sql.SQL("CREATE INDEX ON {} USING gin (metadata jsonb_path_ops)").format(name))


def _insert(to: Connection, table: str, items: Sequence[Item]) -> None:
    query = sql.SQL(
        "INSERT INTO {} (id, embedding, metadata, text, image) "
        "VALUES (%s, %s::halfvec, %s, %s, %s) "
        "ON CONFLICT (id) DO UPDATE SET embedding = EXCLUDED.embedding, "
        "metadata = EXCLUDED.metadata, text = EXCLUDED.text, image = EXCLUDED.image"
    ).format(sql.Identifier(table))
    rows = [
        (item.id, _text(item.vector), Jsonb(dict(item.metadata)), item.text, item.image)
        for item in items
    ]
    with to.cursor() as cursor:
        cursor.executemany(query, rows)


def _row(to: Connection, name: str, lock: LiteralString) -> tuple[str, Binding, str | None] | None:
    """The table of an index, what it is bound to, and its draft's table, if it has one."""
    query = sql.SQL(
        "SELECT items, model, version, width, draft FROM lutrin_indexes WHERE name = %s {}"
    ).format(sql.SQL(lock))
    row = to.execute(query, (name,)).fetchone()
    return None if row is None else (row[0], Binding(row[3], row[1], row[2]), row[4])


def _table(to: Connection, name: str) -> sql.Identifier:
    row = _row(to, name, "")
    if row is None:
        raise _not_found(name)
    return sql.Identifier(row[0])


def _infos(to: Connection, name: str | None = None) -> list[IndexInfo]:
    rows = to.execute(
        "SELECT name, items, model, version, width, extract(epoch FROM created)::float8 "
        "FROM lutrin_indexes WHERE name = coalesce(%s, name) ORDER BY name",
        (name,),
    ).fetchall()
    found = []
    for each, table, model, version, width, created in rows:
        count = to.execute(
            sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))
        ).fetchone()
        assert count is not None  # noqa: S101 — as count(*) has always a row
        found.append(IndexInfo(each, Binding(width, model, version), count[0], created))
    return found


def _condition(condition: AnyOf | Between) -> sql.Composed:
    field = sql.Literal(condition.field)
    if isinstance(condition, AnyOf):
        # The operator that the index of metadata serves; numbers are compared as numbers.
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


def _text(vector: Vector) -> str:
    return json.dumps(vector.tolist())


def _item(row: tuple[Any, ...]) -> Item:
    item_id, embedding, metadata, text, image = row
    vector = np.array(json.loads(embedding), np.float32)
    return Item(item_id, vector, metadata, text, image)


def _unsettled(name: str) -> Conflict:
    return Conflict(
        f"the index '{name}' is being embedded anew: it takes no changes until that is done"
    )


def _not_found(name: str) -> IndexNotFound:
    return IndexNotFound(f"there is no index '{name}'; it comes with its first items")
