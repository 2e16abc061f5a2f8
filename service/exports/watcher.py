"""Watches the models folder and reports changes.

File system events report at once and cost nothing while idle. Where there are none (see
`service.exports.filesystems`), or no more (a kernel limit), the folder is polled every few seconds.
Hidden names, which begin with a dot, are exports being written and are ignored.
"""

from __future__ import annotations

import asyncio
import logging
import os
import stat
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Final, Literal

from watchfiles import Change, awatch

from service.exports import filesystems

logger = logging.getLogger(__name__)

_PAUSE_S: Final = 0.5
"""Changes this close together are told as one: a copy of many files is one change."""
_PATIENCE_S: Final = 5.0
"""Changes that do not pause are told after this long all the same."""
_GLANCE_S: Final = 1.0
"""How often to see, beside the events, whether a path was replaced: events stay with the old."""
_POLL_S: Final = 2.0
"""How often to look through a folder that tells nothing."""
_MEND: Final = "; raise fs.inotify.max_user_watches or fs.inotify.max_user_instances"


async def changes(
    paths: Sequence[Path], mode: Literal["auto", "poll", "off"] = "auto"
) -> AsyncGenerator[None]:
    """Yield when something in `paths`, folders or single files, may have changed.

    The first time is right after the watch has begun, for what changed before; many changes
    together are one. A path need not exist yet, and may go and come back. `auto` polls only where
    there are no events, `off` never yields. Close it (`contextlib.aclosing`) to end the watch.
    """
    paths = [path.absolute() for path in paths]
    while mode == "auto":
        folders = await asyncio.to_thread(lambda: [path for path in paths if path.is_dir()])
        if any([await asyncio.to_thread(filesystems.is_silent, folder) for folder in folders]):
            break
        try:
            async with aclosing(_told(paths, folders)) as told:
                async for _ in told:
                    yield
        except FileNotFoundError:  # gone between a look and the watch
            await asyncio.sleep(_GLANCE_S)
        except (OSError, RuntimeError) as error:
            mend = "" if isinstance(error, PermissionError) else _MEND
            logger.warning("changes are looked for every %g s: %s%s", _POLL_S, error, mend)
            break
    if mode != "off":
        async with aclosing(_seen(paths)) as seen:
            async for _ in seen:
                yield


async def _told(paths: Sequence[Path], folders: Sequence[Path]) -> AsyncGenerator[None]:
    """Yield as the file system tells; ends when the watch must begin anew.

    Raises:
        OSError: a folder was removed, may not be read, or the kernel has no more watches.
        RuntimeError: watchfiles could not go on, such as for want of an inotify instance.
    """
    before = await asyncio.to_thread(_identities, paths)
    is_new = True
    events = awatch(
        *folders,
        watch_filter=None,
        step=round(_PAUSE_S * 1000),
        debounce=round(_PATIENCE_S * 1000),
        rust_timeout=round(_GLANCE_S * 1000),
        yield_on_timeout=True,
        # Ignoring that a folder may not be read would hide that the kernel has no more watches.
        ignore_permission_denied=False,
    )
    async with aclosing(events):
        async for found in events:
            shown = [(change, path) for change, path in found if _is_shown(path, folders)]
            now = await asyncio.to_thread(_identities, paths)
            if is_new or shown or now != before:
                yield
            if now != before or await asyncio.to_thread(_is_outdated, shown, folders):
                return
            is_new = False


def _is_shown(path: str, folders: Sequence[Path]) -> bool:
    """Whether no part of a path below the folders is hidden."""
    inside = [Path(path).relative_to(top) for top in folders if Path(path).is_relative_to(top)]
    return not any(part.startswith(".") for each in inside for part in each.parts)


def _identities(paths: Sequence[Path]) -> list[tuple[int, ...] | None]:
    """What tells a path replaced from the same one, and of a file, whether it was written."""
    return [_identity(path) for path in paths]


def _identity(path: Path) -> tuple[int, ...] | None:
    try:
        facts = path.stat()
    except OSError:
        return None
    is_folder = stat.S_ISDIR(facts.st_mode)
    own = (facts.st_dev, facts.st_ino)
    return own if is_folder else (*own, facts.st_size, facts.st_mtime_ns)


def _is_outdated(found: Sequence[tuple[Change, str]], folders: Sequence[Path]) -> bool:
    """Whether the watch misses a part of the folders from now on.

    One that was deleted is not watched when it comes back, be it with its old inode. One that was
    added is, but not where it is a link, and the kernel's limit would go unnoticed.
    """
    tops = set(map(str, folders))
    return any(
        path in tops if change is Change.deleted else Path(path).is_dir()
        for change, path in found
        if change is not Change.modified
    )


async def _seen(paths: Sequence[Path]) -> AsyncGenerator[None]:
    """Yield as repeated looks at the paths tell; `awatch` would miss writes within one second."""
    before = await asyncio.to_thread(_snapshot, paths)
    yield
    while True:
        await asyncio.sleep(_POLL_S)
        now = await asyncio.to_thread(_snapshot, paths)
        if now == before:
            continue
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _PATIENCE_S
        while now != before and loop.time() < deadline:  # until the changes pause
            before = now
            await asyncio.sleep(_PAUSE_S)
            now = await asyncio.to_thread(_snapshot, paths)
        before = now
        yield


def _snapshot(paths: Sequence[Path]) -> int:
    """A number that differs when a file in `paths` was added, removed or written."""
    return hash(tuple(fact for path in paths for fact in (_identity(path), *_walk(path, ()))))


def _walk(folder: Path, above: tuple[tuple[int, ...] | None, ...]) -> Iterator[tuple[str, object]]:
    """What is shown in a folder: each path and its identity; links that lead back end there."""
    own = _identity(folder)
    if own in above:
        return
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:  # a file, gone, or not ours to read
        return
    for entry in entries:
        if not entry.name.startswith("."):
            yield entry.path, _identity(Path(entry))
            if entry.is_dir():
                yield from _walk(Path(entry), (*above, own))
