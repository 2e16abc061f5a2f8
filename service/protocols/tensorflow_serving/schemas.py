"""The protocol's messages and paths as the OpenAPI document shows them; they are parsed by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from service.protocols.http.request import REQUEST_KEY
from service.protocols.openapi import example
from service.protocols.openapi.document import OF_A_MODEL

_ROWS: Final[JsonValue] = [[[pixel] for pixel in row] for row in example.PIXELS]
"""The image of the examples, (28, 28, 1)."""

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])


class _Message(BaseModel):
    model_config = ConfigDict(use_attribute_docstrings=True, protected_namespaces=())


class TensorFlowServingError(_Message):
    """What went wrong."""

    error: str


class Prediction(_Message):
    """Tensors in rows or in columns; exactly one of `instances` and `inputs`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": {
                "digit": {
                    "summary": "A row of 28 × 28 pixels of one channel, 0–255",
                    "value": {"instances": [_ROWS]},
                },
                "rows": {
                    "summary": "Rows of numbers",
                    "value": {"instances": [1.0, 2.0, 5.0]},
                },
                "columns": {
                    "summary": "Columns, by the input's name, and the signature's",
                    "value": {"signature_name": "serving_default", "inputs": {"x": [[1], [2]]}},
                },
                "bytes": {
                    "summary": "Bytes, for an input of strings",
                    "value": {"instances": [{"b64": "aW1hZ2UgYnl0ZXM="}]},
                },
            },
            "oneOf": [{"required": ["instances"]}, {"required": ["inputs"]}],
        }
    )

    signature_name: str = "serving_default"
    """The signature; `serving_default` is another name of the first."""
    instances: Annotated[list[Any], Field(min_length=1)] = []
    """Rows: values or lists where the signature has one input, else objects of all inputs."""
    inputs: Any = None
    """Columns: a value or list where the signature has one input, else an object of all inputs."""


class PredictionReply(_Message):
    """The answer: `predictions` to `instances`, `outputs` to `inputs`."""

    predictions: list[Any] = []
    """A row for each instance: a value, or an object where there are several outputs."""
    outputs: Any = None
    """The output, or an object where there are several."""


class Examples(_Message):
    """`tf.Example`s, as objects of features."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": {
                "digit": {
                    "summary": "An image's file, for our own classifiers",
                    "value": {"examples": [{"image": {"b64": example.FILE}}]},
                },
                "features": {
                    "summary": "Features, for a signature that takes tf.Examples",
                    "value": {
                        "signature_name": "classify_x_to_y",
                        "context": {"country": "CH"},
                        "examples": [{"x": [1.0]}, {"x": [2.0], "word": "two"}],
                    },
                },
            }
        }
    )

    signature_name: str = "serving_default"
    """The signature; `serving_default` is another name of the first."""
    context: dict[str, Any] = {}
    """Features that all examples share."""
    examples: Annotated[list[dict[str, Any]], Field(min_length=1)]
    """Each feature is a number, bool, string, {"b64": …}, or a list of one kind of these."""


class ClassificationReply(_Message):
    """The classes of each example, as pairs of a label and a score."""

    # FastAPI writes a tuple's schema as OpenAPI 3.0 did, which 3.1 refuses.
    results: list[list[Annotated[list[str | float], Field(min_length=2, max_length=2)]]]


class RegressionReply(_Message):
    """The value of each example."""

    results: list[float]


class StatusDetail(_Message):
    """`OK`, or why the version failed."""

    error_code: str
    error_message: str


class VersionStatus(_Message):
    """One version: START, LOADING, AVAILABLE, UNLOADING or END."""

    version: str
    state: str
    status: StatusDetail


class StatusReply(_Message):
    """The versions, the newest first."""

    model_version_status: list[VersionStatus]


class MetadataReply(_Message):
    """A version's signatures, as TensorFlow's `SignatureDef`s."""

    model_spec: dict[str, str]
    metadata: dict[str, Any]


class Operation(NamedTuple):
    """What one way to ask a model takes, gives, and may refuse by."""

    reply: type[BaseModel]
    statuses: tuple[int, ...]
    request: type[BaseModel] | None = None
    names_version: bool = True
    """Whether one version gives the answer, and its headers say which."""


_RUN_STATUSES: Final = (400, 404, 413, 500, 503, 504)
PREDICT: Final = Operation(PredictionReply, (*_RUN_STATUSES, 501), Prediction)
CLASSIFY: Final = Operation(ClassificationReply, _RUN_STATUSES, Examples)
REGRESS: Final = Operation(RegressionReply, _RUN_STATUSES, Examples)
STATUS: Final = Operation(StatusReply, (400, 404, 500), names_version=False)
METADATA: Final = Operation(MetadataReply, (400, 404, 500))

_REASONS: Final = {
    400: "Something in the request cannot be used, or there is no such label",
    404: "No such model or version",
    413: "A limit of the service was passed",
    500: "The model failed",
    501: "JSON does not carry the type of an input",
    503: "The model is not ready, or its queue is full",
    504: "No answer within the time allowed",
}
_PATHS: Final = {
    "": "",
    "/versions/{version}": ", by version",
    "/labels/{label}": ", by label",
}
_NAME: Final = {"type": "string", "pattern": "^[^/:]+$"}
_VERSION: Final = {"type": "integer", "minimum": 0, "maximum": 2**63 - 1}
_PLACES: Final[dict[str, dict[str, Any]]] = {
    "name": {"schema": _NAME, "description": "The model's name", "example": example.MODEL},
    "version": {"schema": _VERSION, "description": "The model's version", "example": 1},
    "label": {"schema": _NAME, "description": "A version's label", "example": "stable"},
}


def at_each_address(
    add: Callable[..., Callable[[Endpoint], Endpoint]],
    ending: str,
    summary: str,
    operation: Operation,
) -> Callable[[Endpoint], Endpoint]:
    """Add a route to the model's newest version, to a version of it and to a label."""

    def decorate(endpoint: Endpoint) -> Endpoint:
        for middle, which in _PATHS.items():
            add(
                f"/v1/models/{{name}}{middle}{ending}",
                summary=f"{summary}{which}",
                response_model=operation.reply,
                responses={
                    status: {"model": TensorFlowServingError, "description": _REASONS[status]}
                    for status in operation.statuses
                }
                | (OF_A_MODEL if operation.names_version else {}),
                openapi_extra=_document(middle, operation.request),
            )(endpoint)
        return endpoint

    return decorate


def _document(middle: str, request: type[BaseModel] | None) -> dict[str, Any]:
    names = [name for name in _PLACES if name == "name" or f"{{{name}}}" in middle]
    document: dict[str, Any] = {
        "parameters": [
            {"name": name, "in": "path", "required": True, **_PLACES[name]} for name in names
        ]
    }
    if request is not None:
        document["parameters"].append(REQUEST_KEY)
        schema = request.model_json_schema()
        # Its keys are sorted; the documentation page sends the first as it is, so the digit's.
        examples = schema.pop("examples")
        examples = {"digit": examples.pop("digit"), **examples}
        content = {"application/json": {"schema": schema, "examples": examples}}
        document["requestBody"] = {"required": True, "content": content}
    return document
