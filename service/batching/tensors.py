"""Raw tensors of a signature whose inputs share runs with those of others: to rows, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.errors import InvalidInput
from service.manifest import Signature, TextInput
from service.preprocessing.tokenizer import Tokens
from service.runtimes import Tensors


def split(inputs: Tensors, text: TextInput | None) -> list[NDArray[Any]]:
    """The rows of `inputs`, which are as their signature says: images, or tokens of texts.

    Raises:
        InvalidInput: a text is longer than the model takes, or padded elsewhere than behind.
    """
    if "tokens" not in inputs or text is None:
        [pixels] = inputs.values()
        return list(pixels)
    tokens = inputs["tokens"]
    if tokens.shape[1] == 0 and len(tokens):
        raise InvalidInput("the texts have no tokens", param="tokens")
    if "mask" not in inputs:
        return _checked(list(tokens), text)
    mask = inputs["mask"]
    if mask.shape != tokens.shape:
        raise InvalidInput(
            f"mask has the shape of tokens, {list(tokens.shape)}; got {list(mask.shape)}",
            param="mask",
        )
    counts = mask.sum(axis=1)
    behind = np.arange(tokens.shape[1]) < counts[:, np.newaxis]
    if not (np.array_equal(mask != 0, behind) and counts.all()):
        raise InvalidInput(
            "mask is 1 at a text's tokens, of which there is one at least, and 0 behind them",
            param="mask",
        )
    return _checked([row[:count] for row, count in zip(tokens, counts, strict=True)], text)


def join(rows: Sequence[NDArray[Any]], signature: Signature) -> Tensors:
    """The one output of a signature, of the rows it gave."""
    [(name, spec)] = signature.outputs.items()
    if rows:
        return {name: np.stack(rows)}
    width = spec.shape[-1] if spec.shape else 0
    return {name: np.zeros((0, width or 0), np.float32)}


def _checked(rows: list[Tokens], text: TextInput) -> list[Tokens]:
    longest = max(map(len, rows), default=0)
    if longest > text.max_length:
        raise InvalidInput(
            f"the model takes texts of {text.max_length} tokens; got {longest}", param="tokens"
        )
    return rows
