"""Vectors as OpenAI's clients read them."""

from __future__ import annotations

import binascii
from collections.abc import Iterable
from typing import Any

import numpy as np
import orjson

from service.engine.vectors import Vectors
from service.protocols.openai.request import EncodingFormat


def render(vectors: Vectors, model: str, encoding_format: EncodingFormat) -> bytes:
    """The JSON of OpenAI's list of embeddings.

    `base64` holds little-endian float32; `float` the shortest decimals that are the same float32.
    """
    rows = np.ascontiguousarray(vectors.rows, "<f4")
    embeddings: Iterable[Any] = rows
    if encoding_format == "base64":
        embeddings = (binascii.b2a_base64(row, newline=False).decode() for row in rows)
    tokens = sum(vectors.tokens)
    said = {
        "object": "list",
        "data": [
            {"object": "embedding", "index": index, "embedding": vector}
            for index, vector in enumerate(embeddings)
        ],
        "model": model,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }
    return orjson.dumps(said, option=orjson.OPT_SERIALIZE_NUMPY)
