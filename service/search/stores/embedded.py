"""Indexes in a folder of this machine, for one process: `<folder>/<name>/<generation>/`."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from service.errors import NotReady
from service.search.stores import Binding, Draft, Filter, Hit, IndexInfo, Item, Vector, records
from service.search.stores.generations import ASIDE, StoredIndex, not_found

_LOCK: Final = ".lock"


class EmbeddedStore:
    """A `VectorStore` in a folder, which is made when something is first put into it."""

    def __init__(self, folder: Path) -> None:
        """Open the folder, if it is there.

        Raises:
            NotReady: another process has it.
        """
        self._folder = folder
        self._lock = threading.Lock()
        self._indexes: dict[str, StoredIndex] = {}
        self._held: int | None = None
        if folder.is_dir():
            self._open()

    def all(self) -> list[IndexInfo]:
        """As `VectorStore` says."""
        with self._lock:
            indexes = sorted(self._indexes.items())
        return [index.info() for _, index in indexes]

    def find(self, name: str) -> IndexInfo | None:
        """As `VectorStore` says."""
        with self._lock:
            index = self._indexes.get(name)
        return None if index is None else index.info()

    def binding(self, name: str) -> Binding | None:
        """As `VectorStore` says."""
        with self._lock:
            index = self._indexes.get(name)
        return None if index is None else index.binding

    def add(self, name: str, binding: Binding, items: Sequence[Item]) -> None:
        """As `VectorStore` says."""
        with self._lock:
            index = self._indexes.get(name)
            if index is None:
                self._open()
                index = self._indexes[name] = StoredIndex.create(self._folder, name, binding)
        index.add(binding, items)

    def get(self, name: str, ids: Sequence[str]) -> list[Item]:
        """As `VectorStore` says."""
        return self._index(name).get(ids)

    def scan(self, name: str, after: str | None, limit: int) -> tuple[list[Item], str | None]:
        """As `VectorStore` says."""
        return self._index(name).scan(after, limit)

    def query(
        self, name: str, binding: Binding, vector: Vector, top_k: int, where: Filter = ()
    ) -> list[Hit]:
        """As `VectorStore` says."""
        return self._index(name).query(binding, vector, top_k, where)

    def delete(self, name: str, ids: Sequence[str]) -> int:
        """As `VectorStore` says."""
        return self._index(name).delete(ids)

    def drop(self, name: str) -> None:
        """As `VectorStore` says."""
        with self._lock:
            index = self._indexes.pop(name, None)
        if index is None:
            raise not_found(name)
        index.drop()

    def draft(self, name: str, binding: Binding) -> Draft:
        """As `VectorStore` says."""
        return self._index(name).draft(binding)

    def close(self) -> None:
        """As `VectorStore` says."""
        with self._lock:
            for index in self._indexes.values():
                index.close()
            self._indexes.clear()
            if self._held is not None:
                os.close(self._held)
                self._held = None

    def _index(self, name: str) -> StoredIndex:
        with self._lock:
            index = self._indexes.get(name)
        if index is None:
            raise not_found(name)
        return index

    def _open(self) -> None:
        """Take the folder for this process alone, and find what is in it; once."""
        if self._held is not None:
            return
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._held = _take(self._folder)
        except OSError as error:
            raise NotReady(
                f"indexes cannot be kept in {self._folder}: {error.strerror}; let INDEXES name a "
                "folder that this process may write, or be off"
            ) from None
        for folder in self._folder.iterdir():
            if folder.name.startswith(ASIDE) and folder.is_dir():
                shutil.rmtree(folder)  # begun to be made, or to be deleted
            elif (folder / records.NAME).is_file():
                self._indexes[folder.name] = StoredIndex(folder)


def _take(folder: Path) -> int:
    """The lock of a folder: whoever has it open and locked, has the folder, as long as it lives."""
    held = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        _lock(held)
    except OSError:
        owner = os.pread(held, 20, 0).decode() if hasattr(os, "pread") else "?"
        os.close(held)
        raise NotReady(
            f"the indexes in {folder} are in use by another process ({owner or '?'}): a folder is "
            "for one; give this one a folder of its own by INDEXES, or share a server's database: "
            "INDEXES=postgresql://…"
        ) from None
    os.ftruncate(held, 0)
    os.write(held, str(os.getpid()).encode())
    return held


def _lock(held: int) -> None:
    if os.name == "posix":
        import fcntl  # noqa: PLC0415 — not everywhere

        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
