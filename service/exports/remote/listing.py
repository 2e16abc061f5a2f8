"""What a store holds, as versions of models: which file belongs where, and what may not come in."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, NamedTuple
from urllib.parse import unquote, urlsplit

from service.exports.folder import SAVED_MODEL, TRITON_FOLDER, version_of
from service.exports.remote import checksums
from service.manifest import MODEL_NAME

PLANS: Final = "models.yaml"
_SAVED_MODELS: Final = {SAVED_MODEL, f"{TRITON_FOLDER}/{SAVED_MODEL}"}
"""One of them makes a folder a version."""

_LARGEST_NAME: Final = 255
_ODD: Final = re.compile(r"[/\\:\x00-\x1f]")


class Version(NamedTuple):
    """A model's name and the number of one of its versions."""

    name: str
    number: int

    def __str__(self) -> str:
        return f"{self.name}/{self.number}"


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file of a store."""

    address: str
    """What the store calls it."""
    path: str
    """Where it stands in its version's folder, its parts joined by '/'."""
    size: int | None
    """Bytes; None where the store does not say."""
    token: str
    """Changes with the content."""
    md5: str | None
    """In hexadecimal digits, where the store names it."""
    changed_at: float | None
    """Seconds since 1970, where the store says."""


@dataclass(slots=True)
class Listing:
    """What a store holds: the versions that can be taken, and why others cannot."""

    versions: dict[Version, tuple[RemoteFile, ...]] = field(default_factory=dict)
    refused: dict[Version, str] = field(default_factory=dict)
    plans: RemoteFile | None = None


class Place(NamedTuple):
    """Where a file belongs: the version and its parts below; no version for models.yaml."""

    version: Version | None
    parts: tuple[str, ...]


def place(address: str, root: str) -> Place | None:
    """Where the file of this address belongs; None when it is no part of a model."""
    parts = _parts(address, root)
    if parts == (PLANS,):
        return Place(None, parts)
    # An empty last part is an object store's mark for a folder.
    if len(parts) < 3 or not parts[-1] or not _is_shown(parts):
        return None
    return Place(Version(parts[0], version_of(parts[1]) or 0), parts[2:])


def leads_to_models(folder: str, root: str) -> bool:
    """Whether files of models may stand below the folder of this address."""
    parts = tuple(part for part in _parts(folder, root) if part)
    return len(parts) > 0 and _is_shown(parts)


def _is_shown(parts: tuple[str, ...]) -> bool:
    """Whether these are a model's name, a version, and what stands below it and is not hidden."""
    name, number = (*parts, "1")[:2]
    is_hidden = any(part.startswith(".") for part in parts)
    is_version = version_of(number) is not None
    return is_version and not is_hidden and MODEL_NAME.fullmatch(name) is not None


def _parts(address: str, root: str) -> tuple[str, ...]:
    if not address.startswith(root):
        return ()
    inside = address[len(root) :]
    if not root.startswith(("http://", "https://")):
        return tuple(inside.split("/"))
    # An address is quoted, and a link may say './name'; behind '?' is how a page sorts itself.
    url = urlsplit(inside)
    return () if url.query else tuple(unquote(part) for part in url.path.split("/") if part != ".")


def is_safe(address: str, root: str) -> bool:
    """Whether the file of this address has a name that every system can hold."""
    where = place(address, root)
    return where is not None and all(map(_is_safe, where.parts))


def arrange(
    found: Mapping[str, Mapping[str, Any]], root: str, protocols: Collection[str]
) -> Listing:
    """The listing of the files found: by address, what the store says of each."""
    listing, files = Listing(), dict[Version, dict[str, RemoteFile]]()
    for address, facts in found.items():
        if (where := place(address, root)) is None:
            continue
        version, parts = where
        file = _file(address, "/".join(parts), facts, protocols)
        if version is None:
            listing.plans = file
        elif odd := [part for part in parts if not _is_safe(part)]:
            listing.refused[version] = f"it has a file with an odd name: {odd[0][:100]!r}"
        elif file.path in files.setdefault(version, {}):
            listing.refused[version] = f"it has two files of one name: {file.path!r}"
        else:
            files[version][file.path] = file
    for version, own in sorted(files.items()):
        above = {path[: slash.start()] for path in own for slash in re.finditer("/", path)}
        if both := above & own.keys():  # an object store has no folders, and does not mind
            listing.refused[version] = f"it has a file and a folder of one name: {min(both)!r}"
        elif version not in listing.refused and _SAVED_MODELS & own.keys():
            listing.versions[version] = tuple(own[path] for path in sorted(own))
    return listing


def _is_safe(part: str) -> bool:
    """Whether this is a plain file's name on every system, that can lead nowhere else."""
    return 0 < len(os.fsencode(part)) <= _LARGEST_NAME and not _ODD.search(part)


def _file(
    address: str, path: str, facts: Mapping[str, Any], protocols: Collection[str]
) -> RemoteFile:
    return RemoteFile(
        address,
        path,
        facts.get("size"),
        checksums.token_of(facts),
        checksums.md5_of(facts, protocols),
        _changed_at(facts),
    )


def _changed_at(facts: Mapping[str, Any]) -> float | None:
    for key in ("LastModified", "Last-Modified", "last_modified", "updated", "mtime", "created"):
        said = facts.get(key)
        try:
            if isinstance(said, datetime):
                return said.timestamp()
            if isinstance(said, str) and key == "Last-Modified":
                return parsedate_to_datetime(said).timestamp()
            if isinstance(said, str):
                return datetime.fromisoformat(said).timestamp()
        except ValueError:
            continue
        if isinstance(said, int | float):
            return float(said)
    return None
