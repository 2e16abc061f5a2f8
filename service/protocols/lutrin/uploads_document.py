"""Uploads in any of their forms, and the options beside them, as the OpenAPI document has them."""

from __future__ import annotations

from typing import Any, Final

from service.protocols.http.request import REQUEST_KEY
from service.protocols.lutrin.uploads import UploadReader

_FILES: Final = "any of PNG, JPEG, GIF, WebP, BMP, TIFF, ICO, PPM, AVIF"
_PLACES: Final = (
    "Options stand in the query, or in the form or the JSON, which go before it. "
    "A field left empty counts as left out."
)


def upload(reader: UploadReader[Any], model: str, example: dict[str, Any]) -> dict[str, Any]:
    """The parameters and the body of what a reader reads; `example` is in JSON, by `model`."""
    schema = reader.kind.model_json_schema()
    options = {
        name: _in_a_query(each)
        for name, each in schema["properties"].items()
        if name != reader.field
    }
    kinds = ("image/png", "image/jpeg", "image/webp")
    what = f"A form with image files, one image file as it is ({_FILES})"
    if reader.takes_texts:
        what = f"A form with image files and texts, one image file ({_FILES}) or text as it is"
    content: dict[str, Any] = {
        # First, what the documentation page shows first: it has an example that can be sent as
        # it is, where a form has no file yet.
        "application/json": {"schema": schema, "example": example},
        "multipart/form-data": _form(reader, options),
        **{kind: {"schema": _file(kind) | {"minLength": 1}} for kind in kinds},
    }
    if reader.takes_texts:
        content["text/plain"] = {"schema": {"type": "string", "minLength": 1}}
    return {
        "parameters": [
            *(_parameter(name, each, reader, model) for name, each in options.items()),
            REQUEST_KEY,
        ],
        "requestBody": {
            "required": True,
            "description": f"{what}, or JSON with files in base64. {_PLACES}",
            "content": content,
        },
    }


def _in_a_query(schema: dict[str, Any]) -> dict[str, Any]:
    """An option as text has it: there is no null, and one left empty counts as left out."""
    if "anyOf" not in schema:
        return schema
    [value] = [each for each in schema["anyOf"] if each.get("type") != "null"]
    empty = {"pattern": f"^$|{value['pattern']}"} if "pattern" in value else {}
    return {**value, **empty, "description": schema["description"]}


def _parameter(
    name: str, schema: dict[str, Any], reader: UploadReader[Any], model: str
) -> dict[str, Any]:
    return {
        "name": name,
        "in": "query",
        "schema": schema,
        "description": schema["description"],
        **({"example": model} if name == "model" else {}),
        **({"style": "form", "explode": True} if name in reader.lists else {}),
    }


def _form(reader: UploadReader[Any], options: dict[str, Any]) -> dict[str, Any]:
    files = {
        "type": "array",
        "items": _file("image/*"),
        "minItems": 1,
        "description": "Image files; the field is repeated",
    }
    texts = {
        "type": "array",
        "items": {"type": "string", "minLength": 1},
        "minItems": 1,
        "description": "Texts; the field is repeated",
    }
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {"image": files, **options},
        "additionalProperties": False,
    }
    if not reader.takes_texts:
        schema["required"] = ["image"]
    else:
        schema["properties"]["text"] = texts
        schema["anyOf"] = [{"required": ["image"]}, {"required": ["text"]}]
    return {"schema": schema}


def _file(kind: str) -> dict[str, Any]:
    return {"type": "string", "contentMediaType": kind, "format": "binary"}
