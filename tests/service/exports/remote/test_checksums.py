"""What each store says of a file is taken for what it is, and for no more."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from service.exports.remote import checksums

MD5 = hashlib.md5(b"graph", usedforsecurity=False).hexdigest()


@pytest.mark.parametrize(
    ("facts", "protocols", "md5"),
    [
        ({"ETag": f'"{MD5}"'}, {"s3", "s3a"}, MD5),
        ({"ETag": f'"{MD5}-3"'}, {"s3", "s3a"}, None),  # of several parts
        ({"ETag": f'"{MD5}"'}, {"http", "https"}, None),  # a web server's own word
        ({"md5Hash": "XrY7u+Ae7tCTyyK7j1rNww=="}, {"gs"}, "5eb63bbbe01eeed093cb22bb8f5acdc3"),
        ({"crc32c": "AAAAAA=="}, {"gs"}, None),  # a composed object
        ({"Content-MD5": "no base64"}, {"https"}, None),
        ({}, {"memory"}, None),
    ],
)
def test_an_md5_is_what_a_store_says_is_one(
    facts: dict[str, Any], protocols: set[str], md5: str | None
) -> None:
    assert checksums.md5_of(facts, protocols) == md5


def test_a_token_changes_with_what_the_store_says() -> None:
    one = {"ETag": "a", "size": 3, "LastModified": "today"}
    assert checksums.token_of(one) == checksums.token_of(one | {"LastModified": "tomorrow"})
    for change in ({"ETag": "b"}, {"size": 4}):
        assert checksums.token_of(one) != checksums.token_of(one | change)


def test_a_list_as_sha256sum_writes_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "a b").write_bytes(b"graph")
    came = {"a b": checksums.measure(tmp_path / "a b")}
    digest = hashlib.sha256(b"graph").hexdigest()
    assert came["a b"] == checksums.Digests(5, MD5, digest)
    for line in (f"{digest}  a b", f"{digest} *a b", f"{digest.upper()}  ./a b"):
        checksums.check_list(line + "\n", came)
    for line, says in [
        (f"{'0' * 64}  a b", "a b is not what SHA256SUMS says"),
        (f"{digest}  c", "SHA256SUMS names c, which is not there yet"),
        (f"{digest} a b", "line 1 of SHA256SUMS"),
    ]:
        with pytest.raises(ValueError, match=says):
            checksums.check_list(line, came)
