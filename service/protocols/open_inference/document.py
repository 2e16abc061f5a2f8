"""The protocol's messages as the OpenAPI document shows them; they are parsed by hand."""

from __future__ import annotations

from typing import Annotated, Any, Final, cast

from pydantic import BaseModel, ConfigDict, Field

from service.codecs.datatypes import DATATYPES
from service.protocols.http.request import REQUEST_KEY
from service.protocols.open_inference.request import HEADER_LENGTH
from service.protocols.openapi import example
from service.protocols.openapi.document import OF_A_MODEL, Responses, name_in_path, version_in_path


class _Message(BaseModel):
    model_config = ConfigDict(use_attribute_docstrings=True, protected_namespaces=())


class OpenInferenceError(_Message):
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


class NotReady(Ready):
    """Why it is not."""

    error: str


class ModelNotReady(ModelReady):
    """Why it is not."""

    error: str


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


class Duration(_Message):
    """How often, and how long in all."""

    count: int
    ns: int


class Durations(_Message):
    """Where the time of requests went."""

    success: Duration
    fail: Duration
    queue: Duration
    compute_input: Duration
    compute_infer: Duration
    compute_output: Duration
    cache_hit: Duration
    cache_miss: Duration


class BatchStatistics(_Message):
    """The runs on so many rows."""

    batch_size: int
    compute_input: Duration
    compute_infer: Duration
    compute_output: Duration


class ModelStatistics(_Message):
    """What one version has done."""

    name: str
    version: str
    last_inference: int
    """Milliseconds since 1970; 0 for none."""
    inference_count: int
    """Rows."""
    execution_count: int
    """Runs of the model, each on a batch of rows."""
    inference_stats: Durations
    batch_stats: list[BatchStatistics]


class Statistics(_Message):
    """What models have done."""

    model_stats: list[ModelStatistics]


class IndexEntry(_Message):
    """One version of one model."""

    name: str
    version: str
    state: str
    reason: str


class Change(_Message):
    """Options of a load or unload; none that changes the model's configuration is taken."""

    model_config = ConfigDict(json_schema_extra={"example": {}})

    parameters: dict[str, Any] | None = None


_REASONS: Final = {
    400: "Something in the request cannot be used",
    401: "The ADMIN_TOKEN is missing or wrong",
    403: "Changes over the network are off",
    404: "No such model or version",
    409: "A version cannot be loaded; everything stays as it was",
    413: "A limit of the service was passed",
    500: "Something went wrong in the service",
    503: "The model is not ready, its queue is full, or its answer did not come in time",
}
_PATH: Final = {"model": name_in_path("model"), "version": version_in_path()}
_DIGIT: Final = {
    "name": "images",
    "shape": [1, example.SIZE, example.SIZE, 1],
    "datatype": "UINT8",
    "data": [pixel for row in example.PIXELS for pixel in row],
}
_EXAMPLES: Final = {
    "digit": {
        "summary": "An image of 28 × 28 pixels of one channel, 0–255",
        "value": {
            "id": "a seven",
            "inputs": [_DIGIT],
        },
    },
    "classes": {
        "summary": "The same image, its best three classes by name",
        "value": {
            "inputs": [_DIGIT],
            "outputs": [{"name": "probabilities", "parameters": {"classification": 3}}],
        },
    },
}
_BINARY: Final = {"schema": {"type": "string", "format": "binary"}}


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The errors that a route may answer with; 500 is one of any."""
    return {
        status: {"model": OpenInferenceError, "description": _REASONS[status]}
        for status in sorted({*statuses, 500})
    }


NOT_READY: Final[Responses] = {503: {"model": NotReady, "description": "It cannot answer yet"}}
MODEL_NOT_READY: Final[Responses] = {
    503: {"model": ModelNotReady, "description": "It does not answer"}
}


def answers() -> dict[int | str, dict[str, Any]]:
    """What an inference may answer with, beside its JSON."""
    length = {
        "description": "Bytes of JSON before the binary tensors, where there are any",
        "schema": {"type": "integer", "minimum": 1},
    }
    said = {
        "description": "The outputs",
        "content": {"application/octet-stream": _BINARY},
        "headers": OF_A_MODEL[200]["headers"] | {HEADER_LENGTH.lower(): length},
    }
    return {200: said, **errors(400, 404, 413, 503)}


def path(*names: str) -> dict[str, Any]:
    """The parameters in a route's path."""
    return {"parameters": [_PATH[name] for name in names]}


def inference(*names: str) -> dict[str, Any]:
    """An inference whose path has these parameters."""
    header = {
        "name": HEADER_LENGTH,
        "in": "header",
        "schema": {"type": "integer", "minimum": 0},
        "description": "Bytes of JSON before the binary tensors; 0: the body is one raw tensor",
    }
    content = {
        "application/json": {"schema": _schema(Inference), "examples": _EXAMPLES},
        "application/octet-stream": _BINARY,
    }
    return {
        "parameters": [*path(*names)["parameters"], header, REQUEST_KEY],
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
