"""The cosine of each of some texts and images with each of others."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Final

from service.engine.concurrency import both
from service.engine.embed import Purpose, embed
from service.engine.engine import Engine
from service.engine.inputs import Inputs
from service.engine.vectors import Rows, cosines
from service.repository.lease import Lease

_MANY: Final = 16 * 1024
"""Cosines; more of them are computed on a thread, so that other requests are answered."""


async def similarity(
    engine: Engine,
    lease: Lease,
    a: Inputs,
    b: Inputs,
    *,
    dimensions: int | None = None,
    truncate: bool = False,
    purpose: Purpose | None = None,
) -> Rows:
    """The cosines of `a` (N inputs) with `b` (M inputs): float32 (N, M) from -1 to 1.

    Raises:
        ServiceError: one of `service.errors`; `param` names the input at fault.
    """
    options = partial(embed, dimensions=dimensions, truncate=truncate, purpose=purpose)
    ours, theirs = await both(options(engine, lease, a), options(engine, lease, b))
    if len(a.values) * len(b.values) < _MANY:
        return cosines(ours.rows, theirs.rows)
    return await asyncio.to_thread(cosines, ours.rows, theirs.rows)
