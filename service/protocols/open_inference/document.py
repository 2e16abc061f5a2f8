"""The protocol's messages as the OpenAPI document shows them; they are parsed by hand."""

from __future__ import annotations

from typing import Annotated, Any, Final, cast

from pydantic import BaseModel, ConfigDict, Field

from service.datatypes import DATATYPES
from service.protocols.open_inference.request import HEADER_LENGTH


class _Message(BaseModel):
    model_config = ConfigDict(use_attribute_docstrings=True, protected_namespaces=())


class ErrorReply(_Message):
    """What went wrong and how to mend it."""

    error: str


class ServerMetadata(_Message):
    """The service."""

    name: str
    version: str
    extensions: list[str]


class Live(_Message):
    """Whether the service lives."""

    live: bool


class Ready(_Message):
    """Whether every required model is ready."""

    ready: bool


class ModelReady(_Message):
    """Whether a model is ready."""

    name: str
    ready: bool


class TensorMetadata(_Message):
    """One input or output; -1 stands for any size."""

    name: str
    datatype: str
    shape: list[int]


class ModelMetadata(_Message):
    """What a model takes and gives."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


class InputTensor(_Message):
    """One input."""

    name: str
    shape: list[Annotated[int, Field(ge=0)]]
    datatype: Annotated[str, Field(json_schema_extra={"enum": list(DATATYPES)})]
    parameters: dict[str, Any] | None = None
    """`binary_data_size`: its bytes, where it follows the JSON as a binary tensor."""
    data: list[Any] | None = None
    """Its elements in row-major order, nested or flat; left out where it is binary."""


class RequestedOutput(_Message):
    """One output to be given."""

    name: str
    parameters: dict[str, Any] | None = None
    """`binary_data`: as a binary tensor; `classification`: its so many best classes."""


class Inference(_Message):
    """One inference."""

    id: str | None = None
    """Comes back in the answer."""
    parameters: dict[str, Any] | None = None
    """`binary_data_output`, `priority` (1 the highest), `timeout` (µs), `signature_name`."""
    inputs: Annotated[list[InputTensor], Field(min_length=1)]
    outputs: list[RequestedOutput] | None = None
    """Left out: every output."""


class OutputTensor(_Message):
    """One output."""

    name: str
    datatype: str
    shape: list[int]
    parameters: dict[str, Any] | None = None
    data: list[Any] | None = None


class InferenceReply(_Message):
    """The outputs and the version that gave them."""

    model_name: str
    model_version: str
    id: str | None = None
    outputs: list[OutputTensor]


class Index(_Message):
    """Which models to list."""

    ready: bool = False
    """Only those that answer."""


class IndexEntry(_Message):
    """One version of one model."""

    name: str
    version: str
    state: str
    reason: str


class Change(_Message):
    """Options of a load or unload; none that changes the model's configuration is taken."""

    parameters: dict[str, Any] | None = None


_REASONS: Final = {
    400: "Something in the request cannot be used",
    401: "The ADMIN_TOKEN is missing or wrong",
    403: "Changes over the network are off",
    404: "No such model or version",
    413: "A limit of the service was passed",
    503: "The model is not ready, its queue is full, or its answer did not come in time",
}
_PATH: Final = {
    "model": {"type": "string", "description": "The model's name"},
    "version": {
        "type": "integer",
        "minimum": 1,
        "maximum": 2**63 - 1,
        "description": "The model's version",
    },
}
_BINARY: Final = {"schema": {"type": "string", "format": "binary"}}


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The errors that a route may answer with."""
    return {status: {"model": ErrorReply, "description": _REASONS[status]} for status in statuses}


def answers() -> dict[int | str, dict[str, Any]]:
    """What an inference may answer with, beside its JSON."""
    said = {"description": "The outputs", "content": {"application/octet-stream": _BINARY}}
    return {200: said, **errors(400, 404, 413, 503)}


def path(*names: str) -> dict[str, Any]:
    """The parameters in a route's path."""
    return {
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": _PATH[name]} for name in names
        ]
    }


def inference(*names: str) -> dict[str, Any]:
    """An inference whose path has these parameters."""
    header = {
        "name": HEADER_LENGTH,
        "in": "header",
        "schema": {"type": "integer", "minimum": 0},
        "description": "Bytes of JSON before the binary tensors; 0: the body is one raw tensor",
    }
    content = {
        "application/json": {"schema": _schema(Inference)},
        "application/octet-stream": _BINARY,
    }
    return {
        "parameters": [*path(*names)["parameters"], header],
        "requestBody": {"required": True, "content": content},
    }


def body(message: type[BaseModel], *names: str) -> dict[str, Any]:
    """A route whose path has these parameters and whose body, if any, is `message`."""
    content = {"application/json": {"schema": _schema(message)}}
    return {**path(*names), "requestBody": {"required": False, "content": content}}


def _schema(message: type[BaseModel]) -> dict[str, Any]:
    """A message's schema in one piece: the document has no place for its definitions."""
    schema = message.model_json_schema()
    definitions = schema.pop("$defs", {})

    def inlined(value: Any) -> Any:
        if isinstance(value, list):
            return [inlined(each) for each in value]
        if not isinstance(value, dict):
            return value
        if "$ref" in value:
            return inlined(definitions[value["$ref"].rpartition("/")[2]])
        return {name: inlined(each) for name, each in value.items()}

    return cast(dict[str, Any], inlined(schema))
