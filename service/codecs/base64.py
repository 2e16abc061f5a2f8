"""Files that come in JSON."""

from __future__ import annotations

import base64
from typing import Final

from service.errors import InvalidInput

_STANDARD: Final = bytes.maketrans(b"-_", b"+/")


def from_base64(text: str, name: str) -> bytes:
    """The file in base64, plain or in a data URI; `name` is the request's field that holds it.

    Raises:
        InvalidInput: it is something else.
    """
    scheme = text[:8].lower()
    if scheme.startswith(("http://", "https://")):
        raise InvalidInput(
            f"{name} is a URL, and this service fetches none: send the file in base64", param=name
        )
    if scheme.startswith("data:"):
        kind, comma, text = text.partition(",")
        if not comma or not kind.lower().endswith(";base64"):
            raise InvalidInput(
                f"{name} is a data URI that is not 'data:<type>;base64,<data>'", param=name
            )
    try:
        # Both alphabets are taken, with or without padding and line breaks: clients send them all.
        plain = text.encode("ascii").translate(_STANDARD, b" \t\r\n").rstrip(b"=")
        return base64.b64decode(plain + b"=" * (-len(plain) % 4), validate=True)
    except ValueError as error:
        raise InvalidInput(f"{name} is not base64: {error}", param=name) from None
