"""What the OpenAPI document says of routes of every protocol alike."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from fastapi.routing import APIRoute

from service.manifest import MODEL_NAME
from service.protocols.openapi import example
from service.repository.plans.plan import LABEL

Responses = dict[int | str, dict[str, Any]]
"""By status, as FastAPI takes them."""

TAGS: Final = [
    {
        "name": "Models",
        "description": "Our own, plainest way: send images in any form, get their classes; send "
        "texts and images, get their vectors. "
        "Errors have OpenAI's shape and the request's id.",
    },
    {
        "name": "OpenAI",
        "description": "Embeddings, and the list of models, as OpenAI's clients ask for them; "
        "`/openai/v1` is a base URL for them too.",
    },
    {
        "name": "TensorFlow Serving",
        "description": "TensorFlow Serving's REST API: its clients need another address and "
        "nothing else. Paths are taken in any case; a path or verb that it does not know is a "
        "malformed request, 400. Bodies may be compressed with gzip or deflate.",
        "externalDocs": {
            "description": "TensorFlow Serving's description",
            "url": "https://www.tensorflow.org/tfx/serving/api_rest",
        },
    },
    {
        "name": "Open Inference Protocol",
        "description": "The Open Inference Protocol, version 2, with Triton's extensions, for the "
        "clients of Triton, KServe and MLServer. Bodies may be compressed with gzip or deflate, "
        "both ways.",
        "externalDocs": {
            "description": "The protocol's definition",
            "url": "https://github.com/kserve/open-inference-protocol",
        },
    },
    {
        "name": "Search",
        "description": "Items found by what is near to them: texts, images and vectors go into "
        "an index, which a model fills and is asked by. Errors are those of the models' routes.",
    },
    {
        "name": "Administration",
        "description": "What operators change while the service runs. It takes `ADMIN=true` and "
        "the ADMIN_TOKEN: press *Authorize*.",
    },
    {
        "name": "Operations",
        "description": "For probes and Prometheus: is it alive, is it ready, what does it count. "
        "Probes need no token.",
    },
]
"""The groups of routes, in the order of the documentation page."""

_TEXT: Final = {"type": "string"}
_REQUEST_ID: Final = {
    "description": "Names the request in the service's log; the caller's own where it sent one",
    "required": True,
    "schema": _TEXT,
}
_RETRY_AFTER: Final = {
    "description": "Seconds after which to try again",
    "required": True,
    "schema": {"type": "integer"},
}
_CHALLENGE: Final = {
    "description": "How to ask: with a bearer token",
    "required": True,
    "schema": _TEXT,
}

OF_A_MODEL: Final[Responses] = {
    200: {
        "headers": {
            "x-model-name": {
                "description": "The model that answered",
                "required": True,
                "schema": _TEXT,
            },
            "x-model-version": {
                "description": "Its version that answered",
                "required": True,
                "schema": {"type": "integer", "minimum": 1},
            },
        }
    }
}
"""What a 200 that one version of a model gave has beside its body."""


_PLACES: Final[dict[str, dict[str, Any]]] = {
    "name": {
        "description": "The model's name",
        "schema": {"type": "string", "pattern": f"^{MODEL_NAME.pattern}$"},
        "example": example.MODEL,
    },
    "version": {
        "description": "The model's version",
        "schema": {"type": "integer", "minimum": 1, "maximum": 2**63 - 1},
        "example": 1,
    },
    "label": {
        "description": "A version's label in models.yaml",
        "schema": {"type": "string", "pattern": LABEL},
        "example": "stable",
    },
}


def name_in_path(name: str = "name") -> dict[str, Any]:
    """A model's name as the parameter `name` of a path."""
    return {"name": name, "in": "path", "required": True, **_PLACES["name"]}


def version_in_path() -> dict[str, Any]:
    """A model's version as a parameter of a path."""
    return {"name": "version", "in": "path", "required": True, **_PLACES["version"]}


def label_in_path() -> dict[str, Any]:
    """A version's label as a parameter of a path."""
    return {"name": "label", "in": "path", "required": True, **_PLACES["label"]}


def operation_id(route: APIRoute) -> str:
    """A name for those who generate clients: the route's tag and summary."""
    words = " ".join([*map(str, route.tags), route.summary or route.name])
    return re.sub(r"[^a-z0-9]+", "_", words.lower()).strip("_")


def with_headers(responses: Mapping[int | str, Mapping[str, Any]] | None) -> Responses:
    """The responses of a route, with the headers that every route gives them."""
    said: Responses = {200: {}}
    said.update((status, dict(response)) for status, response in (responses or {}).items())
    for status, response in said.items():
        headers = {"x-request-id": _REQUEST_ID}
        if status in (429, 503):
            headers["retry-after"] = _RETRY_AFTER
        elif status == 401:
            headers["www-authenticate"] = _CHALLENGE
        response["headers"] = headers | response.get("headers", {})
    return said
