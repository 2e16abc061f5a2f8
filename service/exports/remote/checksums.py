"""What proves that a file came whole: a store's own checksum, or the list that an export carries.

Stores differ. An ETag of S3 is the MD5 of what was uploaded in one part, and says nothing of what
was uploaded in several; Google Cloud Storage names an MD5, but not of composed objects. An export
that holds a file SHA256SUMS, as `sha256sum` writes it, is proven by that wherever it lies.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

LIST_NAME: Final = "SHA256SUMS"

_LINE: Final = re.compile(r"([0-9a-fA-F]{64}) [ *](?:\./)?(.+)")
_MD5: Final = re.compile(r"[0-9a-f]{32}")
_TOKENS: Final = (
    "ETag",
    "md5Hash",
    "crc32c",
    "etag",
    "Last-Modified",
    "LastModified",
    "last_modified",
    "mtime",
    "created",
)
"""What stores say of a file that changes with its content, the most telling first."""


@dataclass(frozen=True, slots=True)
class Digests:
    """A local file's size in bytes, and its checksums in hexadecimal digits."""

    size: int
    md5: str
    sha256: str


def measure(path: Path) -> Digests:
    """Read a file's digests, after it has reached the disk."""
    md5, sha256, size = hashlib.md5(usedforsecurity=False), hashlib.sha256(), 0
    with path.open("rb") as file:
        os.fsync(file.fileno())  # it is renamed into place: no power cut may leave it half there
        while block := file.read(1024 * 1024):
            md5.update(block)
            sha256.update(block)
            size += len(block)
    return Digests(size, md5.hexdigest(), sha256.hexdigest())


def md5_of(facts: Mapping[str, Any], protocols: Collection[str]) -> str | None:
    """The MD5 that a store names for a file, in hexadecimal digits; None where it does not."""
    etag = str(facts.get("ETag", "")).strip('"').lower()
    if "s3" in protocols and _MD5.fullmatch(etag):
        return etag
    named = facts.get("md5Hash") or facts.get("Content-MD5")
    try:
        digest = base64.b64decode(named or "", validate=True).hex()
    except (binascii.Error, ValueError):
        return None
    return digest if _MD5.fullmatch(digest) else None


def token_of(facts: Mapping[str, Any]) -> str:
    """A text that changes when the file's content does, as far as the store tells."""
    said = next((f"{key} {facts[key]}" for key in _TOKENS if facts.get(key)), "")
    return f"{said} {facts.get('size')}"


def check_list(text: str, came: Mapping[str, Digests]) -> None:
    """Prove the files that came, by path, with a list such as `sha256sum` writes.

    Raises:
        ValueError: a file is not there, or not what the list says, or a line cannot be read.
    """
    for number, line in enumerate(text.splitlines(), 1):
        if (match := _LINE.fullmatch(line)) is None:
            raise ValueError(
                f"line {number} of {LIST_NAME} is not '<64 hexadecimal digits>  <path>', "
                "as sha256sum writes it"
            )
        sha256, path = match[1].lower(), match[2]
        if path not in came:
            raise ValueError(f"{LIST_NAME} names {path}, which is not there yet")
        if came[path].sha256 != sha256:
            raise ValueError(f"{path} is not what {LIST_NAME} says")
