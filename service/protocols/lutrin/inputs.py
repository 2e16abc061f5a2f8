"""Reads what a model of vectors is to look at: texts and images, as JSON has them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from service.codecs.base64 import from_base64
from service.codecs.shown import shown
from service.errors import InputTooLarge, InvalidInput
from service.manifest import Modality
from service.settings import Settings

_KINDS: Final = 'a text, {"text": "…"} or {"image": "<base64 or data URI>"}'

TEXT: Final[dict[str, Any]] = {"type": "string", "minLength": 1}
"""A text in the OpenAPI document."""
FILE: Final[dict[str, Any]] = {
    "type": "string",
    "minLength": 1,
    "contentEncoding": "base64",
    "contentMediaType": "image/*",
}
"""An image file in JSON, there."""


def _only(name: str, value: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {name: value},
        "required": [name],
        "additionalProperties": False,
    }


INPUT: Final[dict[str, Any]] = {"anyOf": [TEXT, _only("text", TEXT), _only("image", FILE)]}
"""One input, there."""
INPUTS: Final[dict[str, Any]] = {"type": "array", "minItems": 1, "items": INPUT}
"""A list of inputs, there."""
ONE_OR_MORE: Final[dict[str, Any]] = {"anyOf": [*INPUT["anyOf"], INPUTS]}
"""One input or a list of them, there."""


def read_inputs(value: object, field: str, settings: Settings) -> list[str | bytes]:
    """The texts (str) and image files (bytes) of a request's field, one or a list of them.

    An input is a text, `{"text": "…"}`, or `{"image": "…"}` with a file in base64 or a data URI.

    Raises:
        InvalidInput: there is none, or one is something else; `param` is such as `input[3]`.
        InputTooLarge: there are more than any request may have.
    """
    if not isinstance(value, list):
        return [read_input(value, field)]
    if not value:
        raise InvalidInput(f"{field} is an empty list; an input is {_KINDS}", param=field)
    if len(value) > settings.max_texts + settings.max_images:
        raise InputTooLarge(
            f"{field} has {len(value)} inputs; at most {settings.max_texts} texts and "
            f"{settings.max_images} images are taken",
            param=field,
        )
    return [read_input(each, f"{field}[{index}]") for index, each in enumerate(value)]


def read_input(value: object, name: str) -> str | bytes:
    """The text or the image file of one input, which the request has as `name`.

    Raises:
        InvalidInput: it is neither.
    """
    if isinstance(value, str):
        if value.startswith("data:image/"):
            raise InvalidInput(
                f'{name} is an image, and would be read as a text: send {{"image": "data:…"}}',
                param=name,
            )
        return value
    if isinstance(value, dict) and len(value) == 1:
        [(kind, content)] = value.items()
        if kind == "text" and isinstance(content, str):
            return content
        if kind == "image" and isinstance(content, str):
            return from_base64(content, name)
    raise InvalidInput(f"{name} is {_KINDS}; got {_shown(value)}", param=name)


def modalities(inputs: Iterable[str | bytes]) -> set[Modality]:
    """What a model has to embed: texts where one is a str, images where one is bytes."""
    return {"text" if isinstance(each, str) else "image" for each in inputs}


def _shown(value: object) -> str:
    """What came, as a message says it."""
    if isinstance(value, dict):
        keys = ", ".join(f"'{key[:50]}'" for key in list(value)[:5])
        return f"an object with {keys}" if value else "an empty object"
    return "a list" if isinstance(value, list) else shown(value)
