"""One index in a folder: a record, and beside it the generation of items that the record names.

A new generation is made aside and takes the place of the old when the record is replaced. What a
killed process left half made is not named there, and goes when the index is opened.
"""

from __future__ import annotations

import shutil
import threading
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Self

from service.errors import Conflict, IndexNotFound
from service.search.stores import Binding, Filter, Hit, IndexInfo, Item, Vector, packing
from service.search.stores.packing import Packer
from service.search.stores.records import Record, sync
from service.search.stores.shards import Shard

ASIDE: Final = "."
"""How the names of folders begin that are no index: none's name may."""
_AT_ONCE: Final = 256


class StoredIndex:
    """An index; its shard is opened when it is first needed. For any thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._record = Record.read(folder)
        self._lock = threading.RLock()
        self._opened: Shard | None = None
        self._draft: StoredDraft | None = None
        self._gone = False
        self._changed = 0
        """Items added since their vectors were last packed."""
        self._packing: threading.Thread | None = None
        self._packer: Packer | None = None
        self._touched: set[str] = set()
        """Items changed since the copy was made that is being packed."""

    @classmethod
    def create(cls, parent: Path, name: str, binding: Binding) -> Self:
        """Make an empty index, as a whole or not at all."""
        aside = parent / f"{ASIDE}{uuid.uuid4()}"
        Shard.create(aside / "1", binding.width).close()
        Record.new(binding, "1").write(aside)
        aside.rename(parent / name)
        sync(parent)
        return cls(parent / name)

    @property
    def binding(self) -> Binding:
        """What the index is bound to."""
        return self._record.binding

    def info(self) -> IndexInfo:
        """The index as it is now."""
        with self._lock:
            record, count = self._record, self._shard.count
            return IndexInfo(self._folder.name, record.binding, count, record.created)

    def add(self, binding: Binding, items: Sequence[Item]) -> None:
        """Add items of what the index is bound to."""
        with self._lock:
            self._check_settled()
            self._check_bound(binding)
            self._shard.add(items)
            self._changed += len(items)
            self._touched.update(item.id for item in items)
            self._pack_if_due()

    def get(self, ids: Sequence[str]) -> list[Item]:
        """The items of these ids that there are."""
        with self._lock:
            return self._shard.get(ids)

    def scan(self, after: str | None, limit: int) -> tuple[list[Item], str | None]:
        """Up to `limit` items, and where to go on."""
        with self._lock:
            return self._shard.scan(after, limit)

    def query(self, binding: Binding, vector: Vector, top_k: int, where: Filter) -> list[Hit]:
        """The nearest items, to a vector of what the index is bound to."""
        with self._lock:
            self._check_bound(binding)
            return self._shard.query(vector, top_k, where)

    def delete(self, ids: Sequence[str]) -> int:
        """Delete items; gives how many there were."""
        with self._lock:
            self._check_settled()
            self._touched.update(ids)
            return self._shard.delete(ids)

    def draft(self, binding: Binding) -> StoredDraft:
        """Begin the index's next contents."""
        with self._lock:
            self._check_settled()
            self._draft = StoredDraft(self, self._folder / uuid.uuid4().hex, binding)
            return self._draft

    def take(self, draft: StoredDraft) -> None:
        """Let `draft` be the index from now on."""
        with self._lock:
            if self._gone:
                raise not_found(self._folder.name)
            self._replace(draft.shard, self._record.renewed(draft.folder.name, draft.binding))
            self._draft = None
            self._pack_if_due()

    def forget(self, draft: StoredDraft) -> None:
        """Give up `draft`, if it is not the index."""
        with self._lock:
            if self._draft is draft:
                draft.shard.close()
                shutil.rmtree(draft.folder, ignore_errors=True)
                self._draft = None

    def drop(self) -> None:
        """Delete the index."""
        self.close()
        gone = self._folder.parent / f"{ASIDE}{uuid.uuid4()}"
        self._folder.rename(gone)
        sync(gone.parent)
        shutil.rmtree(gone, ignore_errors=True)

    def close(self) -> None:
        """Let go of the files; whoever asks after finds no index."""
        with self._lock:
            self._gone = True
            if self._packer is not None:
                self._packer.kill()
            if self._draft is not None:
                self.forget(self._draft)
            if self._opened is not None:
                self._opened.close()
                self._opened = None
        if self._packing is not None:
            self._packing.join()

    @property
    def _shard(self) -> Shard:
        if self._gone:
            raise not_found(self._folder.name)
        if self._opened is None:
            for path in self._folder.iterdir():
                if path.is_dir() and path.name != self._record.generation:
                    shutil.rmtree(path, ignore_errors=True)  # of a process that was killed
            self._opened = Shard.load(self._folder / self._record.generation)
            self._changed = max(0, self._opened.count - self._record.packed)
        return self._opened

    def _check_bound(self, binding: Binding) -> None:
        if binding != self._record.binding:
            raise Conflict(
                f"the index '{self._folder.name}' came to be bound to something else meanwhile"
            )

    def _check_settled(self) -> None:
        if self._draft is not None:
            raise Conflict(
                f"the index '{self._folder.name}' is being embedded anew: it takes no changes "
                "until that is done"
            )

    def _replace(self, shard: Shard, record: Record) -> None:
        """Let `shard` be the index, and `record` say so."""
        shard.flush()
        record.write(self._folder)
        self._shard.close()
        shutil.rmtree(self._folder / self._record.generation, ignore_errors=True)
        self._record, self._opened = record, shard
        self._changed = shard.count - record.packed

    def _pack_if_due(self) -> None:
        if self._packing is None and packing.is_due(self._changed, self._shard.count):
            self._packing = threading.Thread(target=self._pack, name="pack", daemon=True)
            self._packing.start()

    def _pack(self) -> None:
        """Put a packed copy in the index's place; changes made meanwhile are made to it too."""
        copy = self._folder / uuid.uuid4().hex
        try:
            with self._lock:
                if self._gone or self._draft is not None:
                    return
                record = self._record
                self._shard.flush()
                shutil.copytree(self._folder / record.generation, copy)
                self._touched.clear()
                self._packer = Packer(copy)
            is_packed = self._packer.wait()
            with self._lock:
                if not is_packed or self._gone or self._draft or self._record is not record:
                    return
                shard = Shard.load(copy)
                packed = shard.count
                self._catch_up(shard)
                self._replace(shard, record.renewed(copy.name, record.binding, packed))
        finally:
            with self._lock:
                self._packing = self._packer = None
                if self._record.generation != copy.name:
                    shutil.rmtree(copy, ignore_errors=True)

    def _catch_up(self, shard: Shard) -> None:
        touched = list(self._touched)
        for start in range(0, len(touched), _AT_ONCE):
            ids = touched[start : start + _AT_ONCE]
            items = self._shard.get(ids)
            shard.add(items)
            shard.delete(list(set(ids) - {item.id for item in items}))


class StoredDraft:
    """A generation that is being filled."""

    def __init__(self, index: StoredIndex, folder: Path, binding: Binding) -> None:
        self.folder = folder
        self.binding = binding
        self.shard = Shard.create(folder, binding.width)
        self._index = index

    def add(self, items: Sequence[Item]) -> None:
        """As `Draft` says."""
        self.shard.add(items)

    def publish(self) -> None:
        """As `Draft` says."""
        self._index.take(self)

    def discard(self) -> None:
        """As `Draft` says."""
        self._index.forget(self)


def not_found(name: str) -> IndexNotFound:
    """That there is no such index."""
    return IndexNotFound(f"there is no index '{name}'; it comes with its first items")
