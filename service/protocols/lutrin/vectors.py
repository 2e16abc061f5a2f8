"""Vectors for a request: asked of its model, and what requests and replies say of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Annotated, Any, Final, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from service.protocols.lutrin.requests import NO_BOOL, Flag, ModelChoice

T = TypeVar("T")

_MANY: Final = 16 * 1024
"""Numbers; an answer of more is made on a thread."""

Dimensions = Annotated[int, Field(ge=1), NO_BOOL]


class VectorChoice(ModelChoice):
    """A request that makes vectors: by which model, and of how much of a text."""

    model_config = ConfigDict(strict=True)

    truncate: Flag = False
    """Take the first tokens of a text that is too long, instead of refusing it."""


class Usage(BaseModel):
    """Tokens that the model read, special ones included; images have none."""

    prompt_tokens: Annotated[int, Field(ge=0)]
    total_tokens: Annotated[int, Field(ge=0)]


async def made(make: Callable[[], T], numbers: int) -> T:
    """What `make` gives, which has so many numbers; on a thread where those are many."""
    return make() if numbers < _MANY else await asyncio.to_thread(make)


def usage(tokens: int) -> dict[str, Any]:
    """`Usage` in a reply."""
    return {"prompt_tokens": tokens, "total_tokens": tokens}
