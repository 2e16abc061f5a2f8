"""Compressed bodies, gzip and deflate: inflated no further than allowed, and made for answers."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import Final, Literal

from service.errors import InputTooLarge, InvalidInput, UnsupportedType

Coding = Literal["gzip", "deflate"]

_GZIP: Final = 31
_ZLIB: Final = 15
_BARE: Final = -15
"""What zlib calls a gzip member, a zlib stream, and a stream without either's head (`wbits`)."""
_LEVEL: Final = 1
"""Ten times as fast as the best, and numbers come out hardly longer."""


def inflate(body: bytes, encoding: str, max_bytes: int) -> bytes:
    """The body that was compressed, as its `Content-Encoding` says.

    Raises:
        UnsupportedType: it is compressed in a way that we do not read.
        InputTooLarge: it has more than `max_bytes` bytes; no more than those were inflated.
        InvalidInput: it is not what the header says, or is cut off.
    """
    coding = encoding.strip().lower()
    if coding in ("", "identity"):
        return body
    if coding not in ("gzip", "x-gzip", "deflate"):
        raise UnsupportedType(
            f"the Content-Encoding is '{encoding[:100]}'; it may be gzip or deflate, once"
        )
    wbits = _GZIP if coding != "deflate" else _ZLIB if _has_zlib_head(body) else _BARE
    stream = zlib.decompressobj(wbits)
    try:
        inflated = stream.decompress(body, max_bytes + 1)
    except zlib.error as error:
        raise InvalidInput(
            f"the body is not {coding}, as its Content-Encoding says: {error}"
        ) from None
    if len(inflated) > max_bytes:
        raise InputTooLarge(f"the body inflates to more than the {max_bytes} bytes taken at most")
    if not stream.eof:
        raise InvalidInput(f"the body, in {coding}, is cut off")
    if stream.unused_data:
        raise InvalidInput(f"{len(stream.unused_data)} bytes follow the end of the {coding} body")
    return inflated


def _has_zlib_head(body: bytes) -> bool:
    # "deflate" means a zlib stream (RFC 9110), but some clients send one without its head.
    return len(body) >= 2 and body[0] & 15 == 8 and int.from_bytes(body[:2]) % 31 == 0


def accepted(header: str) -> list[Coding]:
    """The codings that an `Accept-Encoding` allows and we make, in its order."""
    names = []
    for each in header.lower().split(","):
        name, _, weight = each.partition(";")
        if weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000"):
            names.append(name.strip())
    codings: dict[str, Coding] = {"gzip": "gzip", "x-gzip": "gzip", "deflate": "deflate"}
    return [codings[name] for name in names if name in codings]


def deflate(parts: Iterable[bytes | memoryview], coding: Coding) -> bytes:
    """The parts as one compressed body."""
    stream = zlib.compressobj(_LEVEL, wbits=_GZIP if coding == "gzip" else _ZLIB)
    return b"".join([*(stream.compress(part) for part in parts), stream.flush()])
