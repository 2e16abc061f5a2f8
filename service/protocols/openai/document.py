"""Embeddings as the OpenAPI document has them."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from service.engine.embed import Purpose
from service.manifest import Modality
from service.protocols.http.request import REQUEST_KEY
from service.protocols.openai.request import EncodingFormat
from service.protocols.openapi import example

_Text = Annotated[str, Field(min_length=1)]


class EmbeddingBody(BaseModel):
    """What is to be embedded, and how."""

    model_config = ConfigDict(
        extra="forbid",
        use_attribute_docstrings=True,
        json_schema_extra={"not": {"required": ["version", "label"]}},
    )

    input: _Text | Annotated[list[_Text], Field(min_length=1, max_length=2048)]
    """A text or a list of texts, MAX_TEXTS at most; images in base64 or as data URIs where
    `modality` says so, MAX_IMAGES at most."""
    model: str
    """The model's name."""
    encoding_format: EncodingFormat | None = "float"
    """`float`: lists of numbers; `base64`: little-endian float32, of the same bits."""
    dimensions: Annotated[int, Field(ge=1)] | None = None
    """How many of the first dimensions to keep, where the model's vectors bear it."""
    user: str | None = None
    """Taken for OpenAI's sake, and ignored."""
    modality: Modality | None = "text"
    """What the inputs are."""
    truncate: bool | None = False
    """Take the first tokens of a text that is too long, instead of refusing it."""
    input_type: Purpose | None = None
    """What the texts are for, to models that have prompts by it."""
    version: Annotated[int, Field(ge=1)] | None = None
    """The model's version; left out, the one being served."""
    label: str | None = None
    """A label of models.yaml, such as stable, in place of a version."""
    key: str | None = None
    """Who asks: where traffic is split, one version answers a key. X-Request-Key goes before it."""


class Embedding(BaseModel):
    """One vector."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    object: Literal["embedding"]
    index: Annotated[int, Field(ge=0)]
    """The input's place in the request."""
    embedding: list[float] | str
    """Numbers, or base64 of little-endian float32."""


class Usage(BaseModel):
    """Tokens that the model read, special ones included; images have none."""

    prompt_tokens: Annotated[int, Field(ge=0)]
    total_tokens: Annotated[int, Field(ge=0)]


class EmbeddingReply(BaseModel):
    """The vectors, in the order of the inputs."""

    object: Literal["list"]
    data: list[Embedding]
    model: str
    usage: Usage


EMBEDDINGS: Final[dict[str, Any]] = {
    "parameters": [REQUEST_KEY],
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": EmbeddingBody.model_json_schema(),
                "example": {"model": example.ENCODER, "input": ["sad cat", "vehicle that flies"]},
            }
        },
    },
}
"""The parameters and the body of a request for embeddings."""
