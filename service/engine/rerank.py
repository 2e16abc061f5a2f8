"""Documents, texts and images, in the order of how near they are to a query."""

from __future__ import annotations

from typing import NamedTuple

from service.engine.concurrency import both
from service.engine.embed import embed
from service.engine.engine import Engine
from service.engine.inputs import Inputs
from service.engine.vectors import cosines, ranking
from service.repository.lease import Lease


class Ranked(NamedTuple):
    """The place of one document among those of the request, and its score."""

    position: int
    score: float
    """The cosine of its embedding and the query's, -1 to 1."""


class Ranking(NamedTuple):
    """Documents, the nearest to the query first."""

    documents: list[Ranked]
    tokens: int
    """Tokens that the model read, of the query and all documents."""


async def rerank(
    engine: Engine,
    lease: Lease,
    query: Inputs,
    documents: Inputs,
    *,
    top_n: int | None = None,
    truncate: bool = False,
) -> Ranking:
    """The `top_n` documents that are nearest to the one query; all when left out.

    Raises:
        ServiceError: one of `service.errors`; `param` names the input at fault.
    """
    asked, found = await both(
        embed(engine, lease, query, truncate=truncate, purpose="query"),
        embed(engine, lease, documents, truncate=truncate, purpose="document"),
    )
    [scores] = cosines(asked.rows, found.rows)
    ranked = [Ranked(index, float(scores[index])) for index in ranking(scores, top_n)]
    return Ranking(ranked, sum(asked.tokens + found.tokens))
