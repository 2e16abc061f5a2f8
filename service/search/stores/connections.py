"""Connections to a database, kept open between calls."""

from __future__ import annotations

import queue
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeAlias, TypeVar

import psycopg
from psycopg import errors

from service.errors import NotReady

T = TypeVar("T")

Connection: TypeAlias = psycopg.Connection[tuple[Any, ...]]

_KEPT: Final = 4
_SECONDS: Final = 10
"""To connect in."""
_PASSWORD: Final = re.compile(r"(?<=:)[^:@/]+(?=@)")


class Connections:
    """Lends each call a connection that works, for any thread."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._idle: queue.LifoQueue[Connection] = queue.LifoQueue()

    def run(self, work: Callable[[Connection], T]) -> T:
        """What `work` gives with a connection; once more if a table went away meanwhile.

        Raises:
            NotReady: the database cannot be had.
        """
        with self._lent() as connection:
            try:
                return work(connection)
            except errors.UndefinedTable:  # its index was embedded anew between two statements
                return work(connection)

    def connect(self) -> Connection:
        """A connection of the caller's own.

        Raises:
            NotReady: the database cannot be had.
        """
        try:
            return psycopg.connect(self._url, autocommit=True, connect_timeout=_SECONDS)
        except psycopg.OperationalError as error:
            raise self._failed(error) from None

    def close(self) -> None:
        """Close what is idle."""
        while not self._idle.empty():
            self._idle.get_nowait().close()

    @contextmanager
    def _lent(self) -> Iterator[Connection]:
        connection = self._one_that_was_idle() or self.connect()
        try:
            yield connection
        except psycopg.OperationalError as error:
            raise self._failed(error) from None
        finally:
            if connection.closed or self._idle.qsize() >= _KEPT:
                connection.close()
            else:
                self._idle.put(connection)

    def _one_that_was_idle(self) -> Connection | None:
        while True:
            try:
                connection = self._idle.get_nowait()
            except queue.Empty:
                return None
            try:
                connection.execute("SELECT 1")  # a server that was started anew has cut it off
            except psycopg.OperationalError:
                connection.close()
            else:
                return connection

    def _failed(self, error: psycopg.Error) -> NotReady:
        shown = _PASSWORD.sub("…", self._url)
        return NotReady(f"the database of the indexes, {shown}, failed: {str(error).strip()}")
