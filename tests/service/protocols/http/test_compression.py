"""Compressed bodies: read whatever tool made them, and never to more than is allowed."""

from __future__ import annotations

import gzip
import zlib

import pytest

from service.errors import InputTooLarge, InvalidInput, UnsupportedType
from service.protocols.http import compression

BODY = b'{"inputs": [1, 2, 3]}' * 100


def _bare(body: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-15)
    return stream.compress(body) + stream.flush()


@pytest.mark.parametrize(
    ("sent", "encoding"),
    [
        (BODY, ""),
        (BODY, "identity"),
        (gzip.compress(BODY, mtime=0), "gzip"),
        (gzip.compress(BODY, mtime=0), " GZIP"),
        (gzip.compress(BODY, mtime=0), "x-gzip"),
        (zlib.compress(BODY), "deflate"),
        (_bare(BODY), "deflate"),
    ],
)
def test_a_body_comes_out_as_it_went_in(sent: bytes, encoding: str) -> None:
    assert compression.inflate(sent, encoding, len(BODY)) == BODY


def test_a_bomb_is_not_let_off() -> None:
    bomb = gzip.compress(bytes(100_000_000))
    with pytest.raises(InputTooLarge, match="more than the 1000 bytes"):
        compression.inflate(bomb, "gzip", 1000)


@pytest.mark.parametrize(
    ("sent", "encoding", "message"),
    [
        (BODY, "gzip", "is not gzip"),
        (b"", "gzip", "cut off"),
        (gzip.compress(BODY, mtime=0)[:-9], "gzip", "cut off"),
        (gzip.compress(BODY, mtime=0) + b"more", "gzip", "4 bytes follow"),
        (b"\xff\xff\xff\xff", "deflate", "is not deflate"),
    ],
)
def test_a_broken_body_is_refused(sent: bytes, encoding: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        compression.inflate(sent, encoding, 10_000)


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "chunked"])
def test_other_codings_are_refused(encoding: str) -> None:
    with pytest.raises(UnsupportedType, match="gzip or deflate"):
        compression.inflate(BODY, encoding, 10_000)


@pytest.mark.parametrize(
    ("header", "codings"),
    [
        ("", []),
        ("gzip", ["gzip"]),
        ("deflate, gzip;q=0.5, br", ["deflate", "gzip"]),
        ("gzip;q=0, deflate; q=0.0", []),
        ("identity, *", []),
    ],
)
def test_what_the_caller_takes_is_understood(header: str, codings: list[str]) -> None:
    assert compression.accepted(header) == codings


def test_answers_are_what_other_tools_read() -> None:
    parts: list[bytes | memoryview] = [BODY[:10], memoryview(BODY)[10:]]
    assert gzip.decompress(compression.deflate(parts, "gzip")) == BODY
    assert zlib.decompress(compression.deflate(parts, "deflate")) == BODY
