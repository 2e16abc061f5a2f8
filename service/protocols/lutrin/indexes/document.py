"""What is sent to indexes and what they answer, as the OpenAPI document shows it."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from service.protocols.lutrin.indexes.entries import MAX_ID
from service.protocols.lutrin.indexes.filter import FILTER, METADATA
from service.protocols.lutrin.indexes.json import MAX_WIDTH
from service.protocols.lutrin.inputs import FILE, TEXT
from service.protocols.lutrin.requests import NO_BOOL, NOT_BOTH
from service.protocols.lutrin.vectors import VectorChoice
from service.protocols.openai.error_document import errors
from service.protocols.openapi import example as openapi_example
from service.protocols.openapi.document import Responses
from service.search.stores import INDEX_NAME

EXAMPLE: Final = "emoji"
"""The index of the examples."""
ID: Final[dict[str, Any]] = {
    "type": "string",
    "minLength": 1,
    "maxLength": MAX_ID,
    "pattern": r"^[^\x00-\x1f\x7f]+$",
}
VECTOR: Final[dict[str, Any]] = {
    "anyOf": [
        {
            "type": "array",
            "items": {"type": "number"},
            "minItems": 1,
            "maxItems": MAX_WIDTH,
        },
        {"type": "string", "contentEncoding": "base64"},
    ]
}
_NULL: Final = {"type": "null"}
_ITEM: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "id": {"anyOf": [ID, _NULL]},
        "text": TEXT,
        "image": FILE,
        "vector": VECTOR,
        "metadata": {"anyOf": [METADATA, _NULL]},
    },
    "anyOf": [{"required": ["text"]}, {"required": ["image"]}, {"required": ["vector"]}],
    "not": {"required": ["text", "image"]},
    "additionalProperties": False,
}
_ITEMS: Final[dict[str, Any]] = {
    "type": "array",
    "minItems": 1,
    "items": {"anyOf": [TEXT, _ITEM]},
}
_ONE_OF: Final[dict[str, Any]] = {
    "oneOf": [{"required": [each]} for each in ("text", "image", "vector")]
}

_REASONS: Final = {
    403: "INDEXES is off, or a folder while WORKERS is above 1",
    404: "No such index, item, model, version or label",
    409: "The index is bound to what is not served, or to something else than was asked for",
    503: "The model is not ready, or there is nowhere to keep indexes",
}

OF_AN_INDEX: Final[Responses] = {
    200: {
        "headers": {
            "x-model-name": {
                "description": "The model that the index is bound to, where it is to one",
                "required": False,
                "schema": {"type": "string"},
            },
            "x-model-version": {
                "description": "Its version",
                "required": False,
                "schema": {"type": "integer", "minimum": 1},
            },
        }
    }
}


def index_errors(*statuses: int) -> Responses:
    """The errors that a route of indexes may answer with, and why; 403 and 503 are of any."""
    said = errors(403, 503, *statuses)
    for status, reason in _REASONS.items():
        if status in said:
            said[status]["description"] = reason
    return said


def index_in_path() -> dict[str, Any]:
    """An index's name as the parameter `name` of a path."""
    return {
        "name": "name",
        "in": "path",
        "required": True,
        "description": "The index's name",
        "schema": {"type": "string", "pattern": f"^{INDEX_NAME.pattern}$"},
        "example": EXAMPLE,
    }


def id_in_path() -> dict[str, Any]:
    """An item's id as the parameter `id` of a path."""
    return {
        "name": "id",
        "in": "path",
        "required": True,
        "description": "The item's id",
        "schema": ID,
        "example": "1f431",
    }


def takes(kind: type[BaseModel], example: dict[str, Any]) -> dict[str, Any]:
    """The document of a route of an index that takes JSON."""
    content = {"schema": kind.model_json_schema(), "example": example}
    return {
        "parameters": [index_in_path()],
        "requestBody": {"required": True, "content": {"application/json": content}},
    }


class AddRequest(VectorChoice):
    """Items for an index, and the model that is to embed them."""

    items: Annotated[Any, WithJsonSchema(_ITEMS)]
    """Texts, images and vectors, each with an id, which it gets if it has none, and metadata. A
    vector beside a text or image stands for what a model would make of it."""
    keep: bool = True
    """Keep texts and images with their vectors, so that they can be embedded anew."""


class QueryRequest(VectorChoice):
    """What is to be found: what is near to a text, an image or a vector."""

    model_config = ConfigDict(json_schema_extra={**_ONE_OF, **NOT_BOTH})

    text: Annotated[Any, WithJsonSchema(TEXT)] = None
    image: Annotated[Any, WithJsonSchema(FILE)] = None
    """An image file in base64, or as a data URI."""
    vector: Annotated[Any, WithJsonSchema(VECTOR)] = None
    """Numbers, or base64 of their bytes as float32, little-endian."""
    top_k: Annotated[int, NO_BOOL, Field(json_schema_extra={"minimum": 1})] | None = None
    """How many items to find, the nearest first; 5 when left out."""
    filter: Annotated[Any, WithJsonSchema({"anyOf": [FILTER, _NULL]})] = None
    """What the metadata of what is found must be: a value, `{"in": [values]}`, or bounds of a
    number by `gte`, `gt`, `lte` and `lt`; several fields must all fit."""


class RenewRequest(VectorChoice):
    """What is to embed anew what an index kept."""

    drop_vectors: bool = False
    """Leave out the items of which nothing was kept but a vector, instead of refusing."""


class DeleteRequest(BaseModel):
    """Which items to delete."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ids: Annotated[Any, WithJsonSchema({"type": "array", "minItems": 1, "items": ID})]


class _OfAnIndex(BaseModel):
    model_config = ConfigDict(use_attribute_docstrings=True)

    index: str
    model: str | None = None
    """The model that the index is bound to; left out where nobody here made its vectors."""
    version: Annotated[int, Field(ge=1)] | None = None


class AddReply(_OfAnIndex):
    """The ids of what was added, in the order sent."""

    ids: list[str]


class FoundItem(BaseModel):
    """An item that was found."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    id: str
    score: Annotated[float, Field(ge=-1, le=1)]
    """The cosine of its vector and the query's."""
    metadata: dict[str, str | float | bool]
    text: str | None = None
    """What the vector was made of, where that is a text and was kept."""


class QueryReply(_OfAnIndex):
    """The items found, the nearest first."""

    results: list[FoundItem]


class IndexReply(BaseModel):
    """An index."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    name: str
    model: str | None
    version: int | None
    """The version that filled it, whose vectors alone can be compared with its own."""
    width: Annotated[int, Field(ge=1)]
    """Numbers of each vector."""
    count: Annotated[int, Field(ge=0)]
    """Items in it."""
    created: int
    """Seconds since 1970."""
    outdated: str | None
    """Why it cannot be asked and what to do, if the version is not served any more."""


class IndexesReply(BaseModel):
    """Every index, by name."""

    data: list[IndexReply]


class ItemReply(BaseModel):
    """An item, with all that is kept of it."""

    id: str
    metadata: dict[str, str | float | bool]
    text: str | None
    image: str | None
    vector: list[float]


class DeletedReply(BaseModel):
    """How many items were deleted."""

    deleted: Annotated[int, Field(ge=0)]


ADD_EXAMPLE: Final = {
    "model": openapi_example.ENCODER,
    "items": [
        {"id": "1f431", "text": "cat face", "metadata": {"group": "animals", "year": 2010}},
        {"id": "1f3d6", "text": "beach with umbrella", "metadata": {"group": "travel"}},
    ],
}
QUERY_EXAMPLE: Final = {"text": "sad cat", "top_k": 3, "filter": {"group": "animals"}}
