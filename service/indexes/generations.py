"""One index in a folder: `index.json` says which of the generations beside it is the index.

A new generation is filled aside and takes the place of the old when that file is replaced. What a
killed process left half made is not named there, and goes when the index is opened.
"""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Self

from service.errors import Conflict, IndexNotFound
from service.indexes import Binding, Filter, Hit, IndexInfo, Item, Vector
from service.indexes.shards import Shard

RECORD: Final = "index.json"
ASIDE: Final = "."
"""How the names of folders begin that are no index: none's name may."""


class StoredIndex:
    """One index: its record, and its shard, opened when it is first needed. For any thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.RLock()
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        self._created: float = record["created"]
        self._generation: str = record["generation"]
        self._binding = Binding(record["width"], record["model"], record["version"])
        self._opened: Shard | None = None
        self._draft: StoredDraft | None = None
        self._gone = False

    @classmethod
    def create(cls, parent: Path, name: str, binding: Binding) -> Self:
        """Make an empty index, as a whole or not at all."""
        aside = parent / f"{ASIDE}{uuid.uuid4()}"
        Shard.create(aside / "1", binding.width).close()
        _record(aside, binding, time.time(), "1")
        aside.rename(parent / name)
        _sync(parent)
        return cls(parent / name)

    def info(self) -> IndexInfo:
        with self._lock:
            return IndexInfo(self._folder.name, self._binding, self._shard.count, self._created)

    def add(self, binding: Binding, items: Sequence[Item]) -> None:
        with self._lock:
            self._check_settled()
            if binding != self._binding:
                raise Conflict(
                    f"the index '{self._folder.name}' came to be bound to something else meanwhile"
                )
            self._shard.add(items)

    def get(self, ids: Sequence[str]) -> list[Item]:
        with self._lock:
            return self._shard.get(ids)

    def scan(self, after: str | None, limit: int) -> tuple[list[Item], str | None]:
        with self._lock:
            return self._shard.scan(after, limit)

    def query(self, vector: Vector, top_k: int, where: Filter) -> list[Hit]:
        with self._lock:
            return self._shard.query(vector, top_k, where)

    def delete(self, ids: Sequence[str]) -> int:
        with self._lock:
            self._check_settled()
            return self._shard.delete(ids)

    def draft(self, binding: Binding) -> StoredDraft:
        with self._lock:
            self._check_settled()
            self._draft = StoredDraft(self, self._folder / uuid.uuid4().hex, binding)
            return self._draft

    def take(self, draft: StoredDraft) -> None:
        """Let `draft` be the index from now on."""
        with self._lock:
            if self._gone:
                raise not_found(self._folder.name)
            draft.shard.close()
            _record(self._folder, draft.binding, self._created, draft.folder.name)
            self._shard.close()
            shutil.rmtree(self._folder / self._generation)
            self._binding, self._generation = draft.binding, draft.folder.name
            self._opened = self._draft = None

    def forget(self, draft: StoredDraft) -> None:
        with self._lock:
            if self._draft is draft:
                draft.shard.close()
                shutil.rmtree(draft.folder, ignore_errors=True)
                self._draft = None

    def drop(self) -> None:
        with self._lock:
            self._close()
            gone = self._folder.parent / f"{ASIDE}{uuid.uuid4()}"
            self._folder.rename(gone)
            _sync(gone.parent)
            shutil.rmtree(gone)

    def close(self) -> None:
        with self._lock:
            self._close()

    def _close(self) -> None:
        self._gone = True
        if self._draft is not None:
            self.forget(self._draft)
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    @property
    def _shard(self) -> Shard:
        if self._gone:
            raise not_found(self._folder.name)
        if self._opened is None:
            for path in self._folder.iterdir():
                if path.is_dir() and path.name != self._generation:
                    shutil.rmtree(path)  # a draft of a process that was killed
            self._opened = Shard.load(self._folder / self._generation)
        return self._opened

    def _check_settled(self) -> None:
        if self._draft is not None:
            raise Conflict(
                f"the index '{self._folder.name}' is being embedded anew: it takes no changes "
                "until that is done"
            )


class StoredDraft:
    """A generation that is being filled."""

    def __init__(self, index: StoredIndex, folder: Path, binding: Binding) -> None:
        self.folder = folder
        self.binding = binding
        self.shard = Shard.create(folder, binding.width)
        self._index = index

    def add(self, items: Sequence[Item]) -> None:
        self.shard.add(items)

    def publish(self) -> None:
        self._index.take(self)

    def discard(self) -> None:
        self._index.forget(self)


def _record(folder: Path, binding: Binding, created: float, generation: str) -> None:
    """Replace an index's record, at once and for good."""
    said: dict[str, Any] = {
        "model": binding.model,
        "version": binding.version,
        "width": binding.width,
        "created": created,
        "generation": generation,
    }
    aside = folder / f"{RECORD}.new"
    with aside.open("w", encoding="utf-8") as file:
        json.dump(said, file)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(folder / RECORD)
    _sync(folder)


def _sync(folder: Path) -> None:
    """Have the names in a folder outlive the machine."""
    if os.name == "posix":
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)


def not_found(name: str) -> IndexNotFound:
    return IndexNotFound(f"there is no index '{name}'; it comes with its first items")
