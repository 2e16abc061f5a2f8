"""Indexes in a PostgreSQL database with pgvector, for as many processes as like."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import psycopg

from service.errors import Conflict, IndexNotFound, NotReady
from service.search.stores import Binding, Draft, Filter, Hit, IndexInfo, Item, Vector, tables
from service.search.stores.connections import Connection, Connections

T = TypeVar("T")


class PostgresStore:
    """A `VectorStore` in a database."""

    def __init__(self, url: str) -> None:
        """Connect, and make the tables that are not there.

        Raises:
            NotReady: the database cannot be had, or has no pgvector.
        """
        self._connections = Connections(url)
        try:
            self._connections.run(tables.set_up)
        except psycopg.Error as error:
            raise NotReady(
                f"the database of the indexes cannot be used: {str(error).strip()}; it needs "
                "pgvector 0.8 or later, and a role that may create tables"
            ) from None

    def all(self) -> list[IndexInfo]:
        """As `VectorStore` says."""
        return self._connections.run(tables.infos)

    def find(self, name: str) -> IndexInfo | None:
        """As `VectorStore` says."""
        return self._connections.run(lambda to: next(iter(tables.infos(to, name)), None))

    def binding(self, name: str) -> Binding | None:
        """As `VectorStore` says."""
        row = self._connections.run(lambda to: tables.row(to, name))
        return None if row is None else row.binding

    def add(self, name: str, binding: Binding, items: Sequence[Item]) -> None:
        """As `VectorStore` says."""

        def work(to: Connection) -> None:
            row = tables.row(to, name, "FOR SHARE") or tables.create(to, name, binding)
            _check_settled(row, name)
            _check_bound(row, binding, name)
            tables.insert(to, row.table, items)

        self._change(name, work)

    def get(self, name: str, ids: Sequence[str]) -> list[Item]:
        """As `VectorStore` says."""
        return self._connections.run(lambda to: tables.get(to, _table(to, name), ids))

    def scan(self, name: str, after: str | None, limit: int) -> tuple[list[Item], str | None]:
        """As `VectorStore` says."""
        items = self._connections.run(
            lambda to: tables.scan(to, _table(to, name), after or "", limit)
        )
        return items, items[-1].id if len(items) == limit else None

    def query(
        self, name: str, binding: Binding, vector: Vector, top_k: int, where: Filter = ()
    ) -> list[Hit]:
        """As `VectorStore` says."""

        def work(to: Connection) -> list[Hit]:
            row = _found(tables.row(to, name), name)
            _check_bound(row, binding, name)
            return tables.nearest(to, row.table, vector, top_k, where)

        return self._connections.run(work)

    def delete(self, name: str, ids: Sequence[str]) -> int:
        """As `VectorStore` says."""

        def work(to: Connection) -> int:
            row = _found(tables.row(to, name, "FOR SHARE"), name)
            _check_settled(row, name)
            return tables.delete(to, row.table, ids)

        return self._change(name, work)

    def drop(self, name: str) -> None:
        """As `VectorStore` says."""

        def work(to: Connection) -> None:
            row = _found(tables.row(to, name, "FOR UPDATE"), name)
            to.execute("DELETE FROM lutrin_indexes WHERE name = %s", (name,))
            tables.drop_table(to, row.table)
            if row.draft is not None:
                tables.drop_table(to, row.draft)

        self._change(name, work)

    def draft(self, name: str, binding: Binding) -> Draft:
        """As `VectorStore` says."""
        self._change(name, lambda to: _check_settled(_found(tables.row(to, name), name), name))
        return _Draft(self._connections, name, binding)

    def close(self) -> None:
        """As `VectorStore` says."""
        self._connections.close()

    def _change(self, name: str, work: Callable[[Connection], T]) -> T:
        """What `work` gives in a transaction of its own, no draft of a dead process in its way."""

        def in_transaction(to: Connection) -> T:
            row = tables.row(to, name)
            if row is not None and row.draft is not None:
                _bury(to, name)
            with to.transaction():
                return work(to)

        return self._connections.run(in_transaction)


class _Draft:
    """A table that is being filled; a lock that dies with its connection says that it lives."""

    def __init__(self, connections: Connections, name: str, binding: Binding) -> None:
        self._connections = connections
        self._name = name
        self._binding = binding
        self._alive = connections.connect()
        with self._alive.transaction():
            row = _found(tables.row(self._alive, name, "FOR UPDATE"), name)
            _check_settled(row, name)
            self._table = tables.create_table(self._alive, binding.width)
            self._alive.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", (self._table,))
            self._alive.execute(
                "UPDATE lutrin_indexes SET draft = %s WHERE name = %s", (self._table, name)
            )

    def add(self, items: Sequence[Item]) -> None:
        self._connections.run(lambda to: tables.insert(to, self._table, items))

    def publish(self) -> None:
        bound = self._binding
        with self._alive.transaction():
            row = tables.row(self._alive, self._name, "FOR UPDATE")
            if row is None or row.draft != self._table:
                raise _not_found(self._name)
            self._alive.execute(
                "UPDATE lutrin_indexes SET items = %s, draft = NULL, model = %s, version = %s, "
                "width = %s WHERE name = %s",
                (self._table, bound.model, bound.version, bound.width, self._name),
            )
            tables.drop_table(self._alive, row.table)
        self._alive.close()

    def discard(self) -> None:
        if not self._alive.closed:
            self._alive.close()
            self._connections.run(lambda to: _bury(to, self._name))


def _bury(to: Connection, name: str) -> None:
    """Delete the draft of an index if nobody fills it any more."""
    with to.transaction():
        row = tables.row(to, name, "FOR UPDATE")
        if row is None or row.draft is None:
            return
        [(is_dead,)] = to.execute(
            "SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))", (row.draft,)
        ).fetchall()
        if is_dead:
            to.execute("UPDATE lutrin_indexes SET draft = NULL WHERE name = %s", (name,))
            tables.drop_table(to, row.draft)


def _table(to: Connection, name: str) -> str:
    return _found(tables.row(to, name), name).table


def _found(row: tables.Row | None, name: str) -> tables.Row:
    if row is None:
        raise _not_found(name)
    return row


def _check_bound(row: tables.Row, binding: Binding, name: str) -> None:
    if row.binding != binding:
        raise Conflict(f"the index '{name}' came to be bound to something else meanwhile")


def _check_settled(row: tables.Row, name: str) -> None:
    if row.draft is not None:
        raise Conflict(
            f"the index '{name}' is being embedded anew: it takes no changes until that is done"
        )


def _not_found(name: str) -> IndexNotFound:
    return IndexNotFound(f"there is no index '{name}'; it comes with its first items")
