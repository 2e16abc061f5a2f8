"""The folder of a mirror on this disk: puts whole versions in place and takes them away."""

from __future__ import annotations

import asyncio
import json
import logging
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from service.errors import InvalidExport
from service.exports.remote import swap
from service.exports.remote.listing import PLANS, RemoteFile, Version
from service.manifest import MODEL_NAME

if sys.platform != "win32":
    import fcntl

logger = logging.getLogger(__name__)

_ORIGIN: Final = ".origin.json"
_UNDER_WAY: Final = (".incoming-", ".outgoing-")
_LOCK_AGAIN_S: Final = 0.2
_FORGOTTEN_S: Final = 24 * 3600.0
_SPARE_BYTES: Final = 16 * 1024 * 1024


class Cache:
    """The versions in one folder; its calls are for whoever has the `turn` in that folder.

    Raises:
        InvalidExport: the folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=folder).close()
        except OSError as error:
            raise InvalidExport(unwritable(folder, error)) from error

    def versions(self) -> list[Version]:
        """The versions that are here."""
        if not self._folder.is_dir():
            return []
        return sorted(
            Version(model.name, int(version.name))
            for model in self._folder.iterdir()
            if MODEL_NAME.fullmatch(model.name) and model.is_dir()
            for version in model.iterdir()
            if version.name.isascii() and version.name.isdigit()
        )

    def contents(self) -> dict[str, str]:
        """What is here, as one can compare it with another time's."""
        files = [self._folder / str(version) / _ORIGIN for version in self.versions()]
        return {str(each): _read(each) for each in [*files, self._folder / PLANS]}

    def holds(self, version: Version, files: Sequence[RemoteFile]) -> bool:
        """Whether a version came from these very files, and none of them was cut since."""
        folder = self._folder / str(version)
        try:
            origin = json.loads(_read(folder / _ORIGIN))
            if {path: each["token"] for path, each in origin.items()} != _tokens(files):
                return False
            return all((folder / path).stat().st_size == origin[path]["bytes"] for path in origin)
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return False  # written by nobody, or half gone: fetched anew

    @asynccontextmanager
    async def workplace(self, size: int) -> AsyncIterator[Path]:
        """A hidden folder for `size` bytes, which goes at the end with what is left in it.

        Raises:
            InvalidExport: the disk has no room for them.
        """
        free = shutil.disk_usage(self._folder).free
        if size + _SPARE_BYTES > free:
            raise InvalidExport(
                f"CACHE_DIR: {self._folder} has room for {free / 1e6:.0f} MB, and "
                f"{size / 1e6:.0f} MB are to be fetched: give CACHE_DIR a larger disk"
            )
        folder = Path(tempfile.mkdtemp(prefix=_UNDER_WAY[0], dir=self._folder))
        try:
            yield folder
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    def publish(self, fetched: Path, version: Version, files: Sequence[RemoteFile]) -> None:
        """Put a fetched version in its place, in one step where the file system can."""
        origin = {
            file.path: {"token": file.token, "bytes": (fetched / file.path).stat().st_size}
            for file in files
        }
        (fetched / _ORIGIN).write_text(json.dumps(origin), "utf-8")
        place = self._folder / str(version)
        place.parent.mkdir(exist_ok=True)
        if place.exists():
            swap.exchange(fetched, place)
            return
        try:
            fetched.rename(place)
        except OSError:
            if not self.holds(version, files):  # else another process was faster
                raise

    def remove(self, version: Version) -> None:
        """Take a version away; a model that runs keeps the files that it has mapped."""
        outgoing = Path(tempfile.mkdtemp(prefix=_UNDER_WAY[1], dir=self._folder))
        place = self._folder / str(version)
        place.rename(outgoing / place.name)
        shutil.rmtree(outgoing, ignore_errors=True)
        if not any(place.parent.iterdir()):
            place.parent.rmdir()

    def replace_plans(self, fetched: Path | None) -> None:
        """Put a fetched models.yaml in its place, or take the old one away."""
        if fetched is None:
            (self._folder / PLANS).unlink(missing_ok=True)
        else:
            fetched.replace(self._folder / PLANS)

    def sweep(self, *, alone: bool) -> None:
        """Remove what processes that died left behind; where others may be at work, what is old."""
        before = time.time() if alone else time.time() - _FORGOTTEN_S
        for entry in self._folder.iterdir():
            if entry.name.startswith(_UNDER_WAY) and entry.stat().st_mtime <= before:
                shutil.rmtree(entry, ignore_errors=True)


@asynccontextmanager
async def turn(folder: Path) -> AsyncIterator[bool]:
    """Wait for this process's turn to write into a folder; the system ends that of one that died.

    Gives whether no other process writes there: not every system has such locks. Without them the
    unique names of what is under way and the renames keep every version whole all the same.

    Raises:
        OSError: the folder cannot be written.
    """
    with (folder / ".lock").open("a") as lock:
        has_told = False
        while (alone := _try_lock(lock.fileno())) is None:
            if not has_told:
                logger.info("another process fetches into %s; waiting for it", folder)
            has_told = True
            await asyncio.sleep(_LOCK_AGAIN_S)
        yield alone


def _try_lock(file: int) -> bool | None:
    """True with the lock, None while another process has it, False where there are none."""
    if sys.platform == "win32":
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return None
    except OSError:  # a network's file system
        return False
    return True


def unwritable(folder: Path, error: OSError) -> str:
    """What to tell of a folder that cannot be written."""
    return (
        f"CACHE_DIR: {folder} cannot be written: {error.strerror or error}; give CACHE_DIR a "
        "folder that can, with room for the models, such as a mounted volume"
    )


def make_folders(folder: Path, paths: Iterable[str]) -> None:
    """Make the folders that files at `paths` below `folder` stand in."""
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)


def size_of(folder: Path) -> int:
    """Bytes of all files below a folder."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except OSError:  # gone meanwhile
            continue
    return total


def _tokens(files: Sequence[RemoteFile]) -> dict[str, str]:
    return {file.path: file.token for file in files}


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""
