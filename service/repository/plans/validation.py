"""What is wrong with something people wrote by hand: where, what came, what was expected."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

Key = tuple[str | int, ...]
"""Where something stands: the keys and the places in lists on the way to it."""

SEVERAL: Final = "several"
"""The type of a validation error that carries a list of mistakes in its context."""

_LONGEST: Final = 60
_EXPECTED: Final = {
    "dict_type": "expected a map of names to values",
    "list_type": "expected a list, such as [1, 3]",
    "string_type": "expected text",
    "bool_type": "expected true or false",
    "bool_parsing": "expected true or false",
    "model_type": "expected a map of names to values",
    "model_attributes_type": "expected a map of names to values",
}
_SIMPLE: Final = re.compile(r"[A-Za-z0-9_-]+")


class Mistake(NamedTuple):
    """One thing that is wrong."""

    key: Key
    text: str
    line: int | None = None
    """Where it is known better than by its key."""


def described(error: ValidationError, model: type[BaseModel]) -> list[Mistake]:
    """The mistakes that a validation found, in words; `model` is what was validated."""
    found: list[Mistake] = []
    for detail in error.errors(include_url=False):
        if detail["type"] == SEVERAL:
            found += detail["ctx"]["mistakes"]
        else:
            key = tuple(each for each in detail["loc"] if each != "[key]")
            found.append(Mistake(key, _text(detail, model)))
    return found


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """` (did you mean 'traffic'?)` where one of the known words is close, else nothing."""
    near = difflib.get_close_matches(word, list(known), n=1)
    return f" (did you mean '{near[0]}'?)" if near else ""


def path(key: Key) -> str:
    """A key as people write it: `models.lenet.versions[0]`; odd names are quoted."""
    parts = []
    for each in key:
        if isinstance(each, int):
            parts.append(f"[{each}]")
        else:
            parts.append("." + (each if _SIMPLE.fullmatch(each) else quoted(each)))
    return "".join(parts).removeprefix(".") or "the whole"


def quoted(value: object) -> str:
    """What came, for a message: not endless, and on one line."""
    if value is None:
        return "nothing"
    shown = {True: "true", False: "false"}[value] if isinstance(value, bool) else repr(value)
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]} …"


def _text(detail: ErrorDetails, model: type[BaseModel]) -> str:
    kind, name = detail["type"], str(detail["loc"][-1]) if detail["loc"] else ""
    if kind == "extra_forbidden":
        fields = _fields(model, detail["loc"][:-1])
        return f"there is no such key{did_you_mean(name, fields)}; known are: {', '.join(fields)}"
    if kind == "string_pattern_mismatch":
        return f"got {quoted(detail['input'])}: a label is letters, digits and '_', at most 64"
    said = detail["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    said = f"a number {said}" if said.startswith(("greater", "less")) else said
    expected = _EXPECTED.get(kind, said if kind == "value_error" else f"expected {said}")
    return f"got {quoted(detail['input'])}: {expected}"


def _fields(model: Any, place: Key) -> list[str]:
    """The fields of the model that stands at `place` inside `model`."""
    for each in place:
        annotation = model.model_fields[each].annotation
        inside = [annotation, *getattr(annotation, "__args__", ())]
        model = next(kind for kind in inside if hasattr(kind, "model_fields"))
    return list(model.model_fields)
