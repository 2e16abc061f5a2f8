"""Reads which items a query may find, by their metadata."""

from __future__ import annotations

from typing import Any, Final

from service.errors import InvalidInput
from service.protocols.lutrin.indexes.entries import read_field, read_value
from service.search.stores import FIELD_NAME, AnyOf, Between, Filter

MAX_CONDITIONS: Final = 32
MAX_CHOICES: Final = 128

_BOUNDS: Final = ("gte", "gt", "lte", "lt")
_VALUE: Final[dict[str, Any]] = {
    "anyOf": [
        {"type": "string", "maxLength": 1024, "pattern": r"^[^\x00]*$"},
        {"type": "number", "minimum": -(2**53), "maximum": 2**53},
        {"type": "boolean"},
    ]
}
_NUMBER: Final = {"type": "number", "minimum": -(2**53), "maximum": 2**53}

METADATA: Final[dict[str, Any]] = {
    "type": "object",
    "propertyNames": {"pattern": f"^{FIELD_NAME.pattern}$"},
    "additionalProperties": _VALUE,
    "maxProperties": 32,
}
"""An item's metadata in the OpenAPI document."""
FILTER: Final[dict[str, Any]] = {
    "type": "object",
    "propertyNames": {"pattern": f"^{FIELD_NAME.pattern}$"},
    "maxProperties": MAX_CONDITIONS,
    "additionalProperties": {
        "anyOf": [
            *_VALUE["anyOf"],
            {
                "type": "object",
                "properties": {
                    "in": {
                        "type": "array",
                        "items": _VALUE,
                        "minItems": 1,
                        "maxItems": MAX_CHOICES,
                    }
                },
                "required": ["in"],
                "additionalProperties": False,
            },
            {
                "type": "object",
                "properties": dict.fromkeys(_BOUNDS, _NUMBER),
                "minProperties": 1,
                "additionalProperties": False,
            },
        ]
    },
}
"""A filter, there."""


def read_filter(value: Any) -> Filter:
    """The conditions of `{"colour": "red", "size": {"in": [1, 2]}, "year": {"gte": 1990}}`.

    All of them hold for what is found. A field equals a value of the same type alone.

    Raises:
        InvalidInput: it is something else.
    """
    if value is None:
        return []
    if not isinstance(value, dict) or len(value) > MAX_CONDITIONS:
        raise InvalidInput(
            f"filter is an object of at most {MAX_CONDITIONS} fields, such as "
            '{"colour": "red", "year": {"gte": 1990, "lt": 2000}}',
            param="filter",
        )
    return [_condition(read_field(key, "filter"), each) for key, each in value.items()]


def _condition(field: str, value: Any) -> AnyOf | Between:
    name = f"filter.{field}"
    if not isinstance(value, dict):
        return AnyOf(field, [read_value(value, name)])
    if value.keys() == {"in"}:
        choices = value["in"]
        if not isinstance(choices, list) or not 0 < len(choices) <= MAX_CHOICES:
            raise InvalidInput(f"{name}.in is a list of 1 to {MAX_CHOICES} values", param=name)
        return AnyOf(field, [read_value(each, f"{name}.in") for each in choices])
    if not value or not value.keys() <= set(_BOUNDS):
        raise InvalidInput(
            f"{name} is a value, {{'in': […]}}, or bounds of numbers by {', '.join(_BOUNDS)}",
            param=name,
        )
    return Between(field, **{key: _bound(each, f"{name}.{key}") for key, each in value.items()})


def _bound(value: Any, name: str) -> float:
    number = read_value(value, name)
    if isinstance(number, str | bool):
        raise InvalidInput(f"{name} is a number", param=name)
    return number
