"""The local mirror of a remote store: whole versions alone, each verified, then renamed into place.

fsspec's own caching (`filecache`, read at 2026.9) would not do: it caches file by file, so that a
version may be read half old and half new, and compares no checksum.

    <CACHE_DIR>/<store>/<name>/<version>/         as in the store, and .origin.json: what it was
    <CACHE_DIR>/<store>/models.yaml
    <CACHE_DIR>/<store>/.incoming-…, .outgoing-…  under way; left by a process that died, swept

Processes that share the folder take turns by a lock; who comes second finds the work done.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Final

from service.errors import InvalidExport
from service.exports.remote import cache, checksums
from service.exports.remote.cache import Cache
from service.exports.remote.listing import PLANS, Listing, RemoteFile, Version
from service.exports.remote.store import Remote
from service.machine.addresses import cache_folder

logger = logging.getLogger(__name__)

_REST_S: Final = 2.0
"""A version is taken when the store names the same files again after this long: whoever uploads
uploads file by file."""
_OLD_S: Final = 120.0
"""A version whose files are older than this is at rest without a second look."""
_GLANCE_S: Final = 1.0
"""How often to see how far a download is."""
_REPORT_S: Final = 10.0
"""How often the log tells of it."""
_FAILED_AGAIN_S: Final = 600.0
"""How soon a version that could not be taken is fetched again, if the store changes nothing."""
_LONGEST_WAIT_S: Final = 60.0

Files = dict[Version, tuple[RemoteFile, ...]]
"""Versions and their files."""


class Mirror:
    """One store and its local copy. Its methods are called on one event loop.

    Raises:
        InvalidExport: a package that reads the store is missing, or CACHE_DIR cannot be written.
    """

    def __init__(self, address: str, cache_dir: Path | None = None) -> None:
        self.local = cache_folder(address, cache_dir)
        self.status = ""
        """What it is doing or what is wrong, in words; empty when all is fetched."""
        self._remote = Remote(address)
        self._cache = Cache(self.local)
        self._plans: RemoteFile | None = None
        self._known: object = None
        self._failed: dict[Version, tuple[tuple[RemoteFile, ...], float]] = {}
        self._told: dict[object, str] = {}

    async def start(self) -> None:
        """Fetch what the store holds; if it cannot be read, go on with what was fetched before.

        With nothing fetched before it tries until it can.
        """
        wait = 1.0
        while True:
            try:
                await self.sync()
                return
            except InvalidExport as error:
                if await asyncio.to_thread(self._cache.versions):
                    logger.warning("%s; what was fetched before is served", error.message)
                    return
                self.status = error.message
                logger.error("%s; trying again in %g s", error.message, wait)
            await asyncio.sleep(wait)
            wait = min(wait * 2, _LONGEST_WAIT_S)

    async def changes(self, every_s: float) -> AsyncGenerator[None]:
        """Look at the store every so many seconds, for ever; yield when the local copy changed."""
        while every_s > 0:
            await asyncio.sleep(every_s * random.uniform(0.9, 1.1))  # many replicas, one store
            try:
                if await self.sync():
                    yield
            except InvalidExport as error:
                logger.warning("%s; what was fetched before is served", error.message)

    async def sync(self) -> bool:
        """Bring the local copy to what the store holds; gives whether it changed since last time.

        A version that cannot be fetched is left as it is, with a warning.

        Raises:
            InvalidExport: the store cannot be read, or the local folder not written.
        """
        self.status = f"fetching {self._remote.shown}"
        try:
            async with cache.turn(self.local) as alone:
                await asyncio.to_thread(self._cache.sweep, alone=alone)
                await self._follow(await self._remote.list())
                now = await asyncio.to_thread(self._cache.contents)
        except OSError as error:
            raise InvalidExport(cache.unwritable(self.local, error)) from error
        finally:
            self.status = ""
        changed, self._known = now != self._known, now
        return changed

    async def _follow(self, listing: Listing) -> None:
        for version, reason in listing.refused.items():
            self._warn(version, f"{version} of {self._remote.shown} is left out: {reason}")
        here = await asyncio.to_thread(self._cache.versions)
        named = listing.versions.keys() | listing.refused.keys()
        if not named:
            # An empty list is more often a wrong address or permission than the end of all models.
            stays = "; what was fetched before stays" if here else ""
            hint = "it should hold <name>/<version>/saved_model.pb"
            self._warn("", f"there are no models in {self._remote.shown}: {hint}{stays}")
            return
        self._told.pop("", None)
        wanted = await asyncio.to_thread(self._missing, listing)
        if wanted or self._plans_differ(listing.plans):
            await self._fetch(wanted, listing.plans)
        for version in here:
            if version not in named:
                await asyncio.to_thread(self._cache.remove, version)
                logger.info("%s is gone from %s", version, self._remote.shown)

    def _missing(self, listing: Listing) -> Files:
        """The versions of a listing that are not here, or are not the same here."""
        now = time.monotonic()
        missing = {}
        for version, files in listing.versions.items():
            failed, at = self._failed.get(version, (None, 0.0))
            if failed == files and now - at < _FAILED_AGAIN_S:
                continue
            if not self._cache.holds(version, files):
                missing[version] = files
        return missing

    def _warn(self, subject: object, text: str) -> None:
        """Log a warning unless it was the last about this subject: the store is looked at often."""
        if self._told.get(subject) != text:
            self._told[subject] = text
            logger.warning("%s", text)

    def _plans_differ(self, plans: RemoteFile | None) -> bool:
        left_over = plans is None and (self.local / PLANS).exists()
        return left_over or plans != self._plans

    async def _fetch(self, wanted: Files, plans: RemoteFile | None) -> None:
        began = time.time()
        size = sum(file.size or 0 for files in wanted.values() for file in files)
        async with self._cache.workplace(size) as workplace:
            reporting = asyncio.create_task(self._report(workplace, size))
            try:
                fetched = await self._download(wanted, workplace)
            finally:
                reporting.cancel()
            if fetched:
                await self._publish(fetched, workplace, began)
            if self._plans_differ(plans):  # after the versions that they may name
                if plans is not None:
                    await self._remote.download(plans, workplace / PLANS)
                self._cache.replace_plans(workplace / PLANS if plans is not None else None)
                self._plans = plans

    async def _download(self, wanted: Files, workplace: Path) -> Files:
        """Fetch versions into a folder; gives those that came whole, the others are told of."""
        # Of one that fails the others must not be cancelled.
        done = await asyncio.gather(
            *(self._download_one(files, workplace / str(each)) for each, files in wanted.items()),
            return_exceptions=True,
        )
        fetched = {}
        for (version, files), problem in zip(wanted.items(), done, strict=True):
            if problem is None:
                fetched[version] = files
            elif isinstance(problem, InvalidExport):
                self._failed[version] = files, time.monotonic()
                self._warn(version, f"{version} is left out: {problem.message}")
            else:
                raise problem
        return fetched

    async def _download_one(self, files: tuple[RemoteFile, ...], folder: Path) -> None:
        """Fetch a version into `folder` and prove it by its own list of checksums, if it has one.

        Raises:
            InvalidExport: a file cannot be fetched, is missing, or is not what it should be.
        """
        await asyncio.to_thread(cache.make_folders, folder, [file.path for file in files])
        downloads = [self._remote.download(file, folder / file.path) for file in files]
        came = dict(
            zip([file.path for file in files], await asyncio.gather(*downloads), strict=True)
        )
        if checksums.LIST_NAME in came:
            try:
                text = await asyncio.to_thread((folder / checksums.LIST_NAME).read_text, "utf-8")
                checksums.check_list(text, came)
            except ValueError as error:
                raise InvalidExport(str(error)) from error

    async def _publish(self, fetched: Files, workplace: Path, began: float) -> None:
        """Put in place what the store still names just so, now that it had time to change."""
        changes = [file.changed_at for files in fetched.values() for file in files]
        if any(changed_at is None or began - changed_at < _OLD_S for changed_at in changes):
            await asyncio.sleep(max(0.0, began + _REST_S - time.time()))
        now = (await self._remote.list()).versions
        for version, files in fetched.items():
            if now.get(version) == files:
                folder = workplace / str(version)
                await asyncio.to_thread(self._cache.publish, folder, version, files)
                logger.info("%s is fetched from %s", version, self._remote.shown)
            else:
                logger.info("%s is still being written to %s", version, self._remote.shown)

    async def _report(self, workplace: Path, size: int) -> None:
        """Say how far a download is: once a second to who asks, now and then in the log."""
        told = time.monotonic()
        while True:
            await asyncio.sleep(_GLANCE_S)
            done = await asyncio.to_thread(cache.size_of, workplace)
            self.status = f"fetching {self._remote.shown}: {done / 1e6:.0f} of {size / 1e6:.0f} MB"
            if time.monotonic() - told >= _REPORT_S:
                told = time.monotonic()
                logger.info("%s", self.status)
