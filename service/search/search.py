"""Indexes filled and asked by models: texts and images become vectors, vectors find items.

An index is bound to the version of the model that filled it and is asked by that version alone, as
long as it is served. After an upgrade it says so, and what it kept can be embedded anew.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from service.engine.embed import Purpose, embed
from service.engine.engine import Engine
from service.engine.inputs import Inputs
from service.errors import (
    Forbidden,
    IndexNotFound,
    ItemNotFound,
    ModelNotFound,
    ServiceError,
    VersionNotFound,
)
from service.repository.lease import Lease
from service.repository.model_spec import ModelSpec
from service.search.binding import binding_of, lease_to_fill, lease_to_query, outdated
from service.search.items import Entry, item_of, normal
from service.search.reindex import Reindexing
from service.search.stores import Binding, Filter, Hit, IndexInfo, Item, VectorStore
from service.search.stores.opening import OFF, is_shared, open_store

logger = logging.getLogger(__name__)

T = TypeVar("T")

_THREADS: Final = 4


class Description(NamedTuple):
    """An index, and whether it can be asked."""

    info: IndexInfo
    outdated: str | None
    """Why what is served now does not fit it, if so."""


class Search:
    """Fills and asks the indexes of one store, which is opened when it is first needed."""

    def __init__(self, engine: Engine, address: str) -> None:
        """`address` is as the setting INDEXES has it."""
        self._engine = engine
        self._address = None if address == OFF else address
        self._opened: VectorStore | None = None
        self._opening = asyncio.Lock()
        self._reindexings: set[asyncio.Task[None]] = set()
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="indexes")

    async def start(self) -> None:
        """Open the store, or say in the log why it cannot be had; requests try again."""
        if self._address is None:
            return
        try:
            await self._store()
        except ServiceError as error:
            logger.warning("%s", error.message)

    async def close(self) -> None:
        """Write everything out and let go of the store."""
        for task in self._reindexings:
            task.cancel()
        await asyncio.gather(*self._reindexings, return_exceptions=True)
        if self._opened is not None:
            await self._run(self._opened.close)
        self._threads.shutdown()

    async def all(self) -> list[Description]:
        """Every index, by name."""
        store = await self._store()
        return [self._described(info) for info in await self._run(store.all)]

    async def describe(self, name: str) -> Description:
        """One index.

        Raises:
            IndexNotFound: there is none of this name.
        """
        return self._described(await self._info(name))

    async def add(
        self,
        name: str,
        entries: Sequence[Entry],
        spec: ModelSpec,
        *,
        keep: bool = True,
        truncate: bool = False,
    ) -> tuple[list[str], Binding]:
        """Embed what has no vector yet and add it all; gives the items' ids and who filled it.

        Items replace those with their ids. Without `keep` texts and images are not kept.

        Raises:
            Conflict: the index is bound to another model or version.
            ServiceError: as `engine.embed` does; `param` says which item it is about.
        """
        store = await self._store()
        bound = await self._run(lambda: store.binding(name))
        positions = [index for index, each in enumerate(entries) if each.vector is None]
        lease = await lease_to_fill(
            self._engine.repository, name, bound, spec, needed=bool(positions)
        )
        vectors = {
            index: each.vector for index, each in enumerate(entries) if each.vector is not None
        }
        if lease is None:
            binding = bound or Binding(len(next(iter(vectors.values()))))
        else:
            with lease:
                binding = binding_of(lease)
                sources = [each for at in positions if (each := entries[at].input) is not None]
                names = [f"items[{at}]" for at in positions]
                inputs = Inputs(sources, "items", names)
                rows = await self._embed(lease, inputs, truncate, "document")
                vectors |= dict(zip(positions, rows, strict=True))
        items = [
            item_of(entry, normal(vectors[index], binding, f"items[{index}].vector"), keep)
            for index, entry in enumerate(entries)
        ]
        await self._run(lambda: store.add(name, binding, items))
        return [item.id for item in items], binding

    async def query(
        self,
        name: str,
        wanted: str | bytes | NDArray[np.float32],
        spec: ModelSpec,
        *,
        top_k: int,
        where: Filter = (),
        truncate: bool = False,
    ) -> tuple[list[Hit], Binding]:
        """The items nearest to a text, an image or a vector, and the binding of their index.

        Raises:
            IndexOutdated: the version that filled the index is not served.
            ServiceError: as `engine.embed` does.
        """
        store = await self._store()
        bound = await self._run(lambda: store.binding(name))
        if bound is None:
            raise _not_found(name)
        is_vector = isinstance(wanted, np.ndarray)
        lease = await lease_to_query(
            self._engine.repository, name, bound, spec, needed=not is_vector
        )
        if isinstance(wanted, np.ndarray):
            row = wanted
            if lease is not None:
                with lease:
                    pass
        else:
            assert lease is not None  # noqa: S101 — it is needed
            with lease:
                field = "text" if isinstance(wanted, str) else "image"
                inputs = Inputs([wanted], field, [field])
                [row] = await self._embed(lease, inputs, truncate, "query")
        vector = normal(row, bound, "vector")
        return await self._run(lambda: store.query(name, bound, vector, top_k, where)), bound

    async def item(self, name: str, item_id: str) -> Item:
        """One item.

        Raises:
            IndexNotFound: there is no such index.
            ItemNotFound: it has no such item.
        """
        store = await self._store()
        found = await self._run(lambda: store.get(name, [item_id]))
        if not found:
            raise ItemNotFound(f"the index '{name}' has no item '{item_id[:100]}'")
        return found[0]

    async def delete(self, name: str, ids: Sequence[str]) -> int:
        """Delete items; gives how many there were."""
        store = await self._store()
        return await self._run(lambda: store.delete(name, ids))

    async def drop(self, name: str) -> int:
        """Delete an index; gives how many items it had."""
        store, info = await self._store(), await self._info(name)
        await self._run(lambda: store.drop(name))
        return info.count

    async def reindex(
        self, name: str, spec: ModelSpec, *, truncate: bool = False, drop_vectors: bool = False
    ) -> Description:
        """Embed anew what an index kept, by the version that is served now or that is chosen.

        It goes on when the caller leaves. Until it is done the index answers as before, if its
        version is served still, and takes no changes. Items of which nothing was kept but a vector
        are left out with `drop_vectors`, else an error.

        Raises:
            Conflict: there are such items, or it is being embedded anew already.
            ServiceError: as `engine.embed` does.
        """
        store, info = await self._store(), await self._info(name)
        reindexing = Reindexing(self._engine, store, self._run, info)
        work = reindexing.run(spec, truncate=truncate, drop_vectors=drop_vectors)
        task = asyncio.create_task(work)
        self._reindexings.add(task)
        task.add_done_callback(self._reindexings.discard)
        await asyncio.shield(task)
        return await self.describe(name)

    async def _embed(
        self, lease: Lease, inputs: Inputs, truncate: bool, purpose: Purpose
    ) -> NDArray[np.float32]:
        if not inputs.values:
            return np.empty((0, lease.manifest.width or 0), np.float32)
        vectors = await embed(self._engine, lease, inputs, truncate=truncate, purpose=purpose)
        return vectors.rows

    def _described(self, info: IndexInfo) -> Description:
        model, version = info.binding.model, info.binding.version
        if model is None:
            return Description(info, None)
        try:
            self._engine.repository.versions(model).pick(version)
        except (ModelNotFound, VersionNotFound) as error:
            return Description(info, outdated(info.name, info.binding, error.message))
        return Description(info, None)

    async def _info(self, name: str) -> IndexInfo:
        store = await self._store()
        info = await self._run(lambda: store.find(name))
        if info is None:
            raise _not_found(name)
        return info

    async def _store(self) -> VectorStore:
        address, workers = self._address, self._engine.settings.workers
        if address is not None and workers > 1 and not is_shared(address):
            # Whichever worker came first would have it, and the others' callers would not.
            raise Forbidden(
                f"indexes in a folder are for one process, and WORKERS={workers}: let INDEXES be "
                "the URL of a database, postgresql://…, or WORKERS be 1"
            )
        if address is None:
            raise Forbidden(
                "this service keeps no indexes: INDEXES is off; set it to a folder or to the URL "
                "of a database"
            )
        if self._opened is None:
            async with self._opening:
                if self._opened is None:
                    self._opened = await self._run(lambda: open_store(address))
        return self._opened

    async def _run(self, work: Callable[[], T]) -> T:
        """What `work` gives, which may block."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def _not_found(name: str) -> IndexNotFound:
    return IndexNotFound(f"there is no index '{name}'; it comes with its first items")
