"""Where models are: a folder of this machine, or the address of a store, such as s3://bucket/path.

What is in a store is mirrored into a folder of this machine; see `service.exports.remote.mirror`.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

_EXTRAS: Final = {
    **dict.fromkeys(("s3", "s3a"), "s3"),
    **dict.fromkeys(("gs", "gcs"), "gcs"),
    **dict.fromkeys(("http", "https"), "http"),
}
_ADDRESS: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


def is_remote(location: str | Path) -> bool:
    """Whether this is the address of a store, `s3://…`, rather than a folder's path."""
    return _ADDRESS.match(str(location)) is not None


def extra_of(address: str) -> str | None:
    """The extra of this package that reads the store of an address; None where it has none."""
    return _EXTRAS.get(urlsplit(address).scheme.lower())


def masked(address: str) -> str:
    """An address to show: without the name, password and query it may hold."""
    parts = urlsplit(address)
    shown = parts._replace(netloc=_host(parts), query="…" if parts.query else "", fragment="")
    return shown.geturl()


def without_secrets(text: str, address: str) -> str:
    """An error's text without the password and query of the address it is about."""
    parts = urlsplit(address)
    for secret in (parts.password, unquote(parts.password or ""), parts.query):
        text = text.replace(secret, "…") if secret else text
    return text


def cache_folder(address: str, cache_dir: Path | None) -> Path:
    """The folder that mirrors a store, in `cache_dir` or the user's own folder of caches."""
    parts = urlsplit(address)
    whole = f"{parts.scheme}://{_host(parts)}{parts.path}".rstrip("/")
    name = re.sub(r"[^A-Za-z0-9.]+", "-", whole)[:80].strip("-.")
    digest = hashlib.sha256(whole.encode()).hexdigest()[:12]
    return (cache_dir or _users_caches() / "lutrin").absolute() / f"{name}-{digest}"


def _host(parts: SplitResult) -> str:
    return parts.netloc.rpartition("@")[2]


def _users_caches() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
