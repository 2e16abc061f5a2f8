"""Embeds the kept items of an index again, in a draft that then replaces the index."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Final, Protocol, TypeVar

from service.engine.embed import embed
from service.engine.engine import Engine
from service.engine.inputs import Inputs
from service.engine.vectors import unit
from service.errors import Conflict, ModelNotFound, RequestError
from service.repository.lease import Lease
from service.repository.model_spec import ModelSpec
from service.search.binding import binding_of
from service.search.stores import Draft, IndexInfo, Item, VectorStore

T = TypeVar("T")

_SHOWN: Final = 10
"""Ids that an error names."""


class Run(Protocol):
    """Calls what may block on another thread."""

    def __call__(self, work: Callable[[], T], /) -> Awaitable[T]:
        """What `work` gives."""


class Reindexing:
    """The reindexing of one index."""

    def __init__(self, engine: Engine, store: VectorStore, run: Run, info: IndexInfo) -> None:
        self._engine = engine
        self._store = store
        self._run = run
        self._info = info
        limits = engine.settings
        self._at_once = min(limits.max_images, limits.max_texts)

    async def run(self, spec: ModelSpec, *, truncate: bool, drop_vectors: bool) -> None:
        """Embed it all, as `Search.reindex` says."""
        name = self._info.name
        if not drop_vectors:
            await self._check_sources()
        with await self._lease(spec) as lease:
            binding = binding_of(lease)
            draft = await self._run(lambda: self._store.draft(name, binding))
            try:
                await self._fill(draft, lease, truncate)
                await self._run(draft.publish)
            except BaseException:
                await self._run(draft.discard)
                raise

    async def _lease(self, spec: ModelSpec) -> Lease:
        bound = self._info.binding.model
        try:
            return await self._engine.repository.lease(
                spec._replace(name=spec.name or bound), "embed"
            )
        except ModelNotFound as error:
            if spec.name is not None:
                raise
            raise Conflict(
                f"'{bound}', which filled the index '{self._info.name}', is not there any more "
                f"({error.message}): name another in 'model'",
                param="model",
            ) from None

    async def _check_sources(self) -> None:
        """Refuse to lose items that are vectors alone."""
        lacking: list[str] = []
        async for items in self._scan():
            lacking += [item.id for item in items if _source(item) is None]
        if lacking:
            shown = ", ".join(f"'{each[:50]}'" for each in lacking[:_SHOWN])
            more = f" and {len(lacking) - _SHOWN} more" if len(lacking) > _SHOWN else ""
            raise Conflict(
                f"of {len(lacking)} items nothing was kept but a vector: {shown}{more}. Add them "
                'again with their texts or images, or leave them out by "drop_vectors": true'
            )

    async def _fill(self, draft: Draft, lease: Lease, truncate: bool) -> None:
        async for items in self._scan():
            kept = [(item, source) for item in items if (source := _source(item)) is not None]
            if not kept:
                continue
            try:
                names = [f"the item '{item.id[:100]}'" for item, _ in kept]
                inputs = Inputs([source for _, source in kept], names=names)
                vectors = await embed(
                    self._engine, lease, inputs, truncate=truncate, purpose="document"
                )
            except RequestError as error:  # no field of the request is at fault
                raise type(error)(error.message) from None
            renewed = [
                Item(item.id, row, item.metadata, item.text, item.image)
                for (item, _), row in zip(kept, unit(vectors.rows), strict=True)
            ]
            await self._run(partial(draft.add, renewed))

    async def _scan(self) -> AsyncIterator[list[Item]]:
        after: str | None = None
        while True:
            step = partial(self._store.scan, self._info.name, after, self._at_once)
            items, after = await self._run(step)
            yield items
            if after is None:
                return


def _source(item: Item) -> str | bytes | None:
    return item.image if item.text is None else item.text
