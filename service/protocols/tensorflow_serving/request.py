"""A request's body: a JSON object, which may name a signature."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from service.codecs.json_text import is_list, is_object, parse, shown
from service.errors import InvalidInput


class Document(NamedTuple):
    """A request's body, parsed."""

    text: bytes
    members: Mapping[str, Any]
    signature: str | None

    @classmethod
    def read(cls, text: bytes) -> Document:
        """Parse a body.

        Raises:
            InvalidInput: it is no JSON object, or `signature_name` is no string.
        """
        value = parse(text)
        if not is_object(value):
            raise InvalidInput(f"JSON Value: {shown(value)} Is not object")
        signature = value.get("signature_name")
        if "signature_name" in value and not isinstance(signature, str):
            raise InvalidInput(
                f"JSON Value: {shown(value)} not formatted correctly. 'signature_name' key must "
                "be a string value."
            )
        return cls(text, value, signature)

    @property
    def rows(self) -> Sequence[Any]:
        """The list of `instances`, which is not empty.

        Raises:
            InvalidInput: it is no list, or empty.
        """
        rows = self.members.get("instances")
        if not is_list(rows):
            raise InvalidInput(
                f"JSON Value: {shown(self.members)} Excepting 'instances' to be an list/array"
            )
        if not len(rows):
            raise InvalidInput(f"JSON Value: {shown(self.members)} No values in 'instances' array")
        return rows

    @property
    def is_by_rows(self) -> bool:
        """Whether it has `instances`, and its answer has `predictions`.

        Raises:
            InvalidInput: it has both `instances` and `inputs`, or neither.
        """
        has_rows, has_columns = "instances" in self.members, "inputs" in self.members
        if has_rows and has_columns:
            raise InvalidInput(
                f"JSON Value: {shown(self.members)} Not formatted correctly expecting only one of "
                "'inputs' or 'instances' keys to exist"
            )
        if not has_rows and not has_columns:
            raise InvalidInput("Missing 'inputs' or 'instances' key")
        return has_rows
