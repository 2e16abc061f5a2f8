"""Pictures in any of their forms, and the options beside them, as the OpenAPI document has them."""

from __future__ import annotations

from typing import Any, Final

from service.protocols import _example
from service.protocols._key import REQUEST_KEY
from service.protocols._uploads import ClassifyRequest

_SCHEMA: Final = ClassifyRequest.model_json_schema()


def _in_a_query(schema: dict[str, Any]) -> dict[str, Any]:
    """An option as text has it: text has no null."""
    [value] = [each for each in schema["anyOf"] if each["type"] != "null"]
    return {**value, "description": schema["description"]}


_OPTIONS: Final = {
    name: _in_a_query(schema) for name, schema in _SCHEMA["properties"].items() if name != "images"
}
_FORM: Final = {
    "type": "object",
    "required": ["image"],
    "properties": {
        "image": {
            "type": "array",
            "items": {"type": "string", "contentMediaType": "image/*", "format": "binary"},
            "minItems": 1,
            "description": "Picture files; the field is repeated",
        },
        **_OPTIONS,
    },
    "additionalProperties": False,
}


def _file(kind: str) -> dict[str, Any]:
    return {
        "schema": {"type": "string", "contentMediaType": kind, "format": "binary", "minLength": 1}
    }


UPLOAD: Final[dict[str, Any]] = {
    "parameters": [
        *(
            {
                "name": name,
                "in": "query",
                "schema": schema,
                "description": schema["description"],
                **({"example": _example.MODEL} if name == "model" else {}),
            }
            for name, schema in _OPTIONS.items()
        ),
        REQUEST_KEY,
    ],
    "requestBody": {
        "required": True,
        "description": "A form with picture files, one picture file as it is (any of PNG, JPEG, "
        "GIF, WebP, BMP, TIFF, ICO, PPM, AVIF), or JSON with files in base64. Options stand in "
        "the query, or in the form or the JSON, which go before it.",
        "content": {
            "multipart/form-data": {"schema": _FORM},
            **{kind: _file(kind) for kind in ("image/png", "image/jpeg", "image/webp")},
            "application/json": {
                "schema": _SCHEMA,
                "example": {"model": _example.MODEL, "top_k": 3, "images": [_example.FILE]},
            },
        },
    },
}
"""The parameters and the body of a request that brings pictures."""
