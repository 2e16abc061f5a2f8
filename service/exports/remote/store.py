"""A store that holds models elsewhere, read through fsspec: S3, Google Cloud Storage, HTTP …

Its requests run on fsspec's own thread, so that the event loop of the service keeps answering.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import random
from collections.abc import Callable, Coroutine, Iterable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import unquote, urlsplit

from service.errors import InvalidExport
from service.exports.remote import checksums
from service.exports.remote import listing as listings
from service.exports.remote.checksums import Digests
from service.exports.remote.listing import Listing, RemoteFile
from service.machine.addresses import extra_of, masked, without_secrets

logger = logging.getLogger(__name__)

T = TypeVar("T")

_AT_ONCE: Final = 8
"""Requests under way together."""
_ATTEMPTS: Final = 3
_BACKOFF_S: Final = 0.5
_DEPTH: Final = 12
"""Folders below one another; links of a web server that lead back end there."""
_FLAT: Final = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az"})
"""Stores without folders, that list all there is in a few requests."""


class Remote:
    """The store at an address. Its methods are called on one event loop.

    Credentials are found as the store's own tools find them: AWS_ACCESS_KEY_ID, AWS_PROFILE,
    AWS_ENDPOINT_URL …, GOOGLE_APPLICATION_CREDENTIALS, HTTPS_PROXY, or a name in the address.
    """

    def __init__(self, address: str) -> None:
        self.shown = masked(address)
        self._address = address
        self._is_web = urlsplit(address).scheme.lower() in ("http", "https")
        self._fs, root = _open(address)
        self._root = root.rstrip("/") + "/"
        said = self._fs.protocol
        self._protocols = {said} if isinstance(said, str) else set(said)
        self._is_flat = bool(self._protocols & _FLAT)
        # Those that are flat have been asked again already by their own packages.
        self._attempts = 1 if self._is_flat else _ATTEMPTS
        self._places = asyncio.Semaphore(_AT_ONCE)
        self._names_md5 = True

    async def list(self) -> Listing:
        """What the store holds now.

        Raises:
            InvalidExport: the store cannot be read.
        """
        self._fs.invalidate_cache()
        if self._is_flat:
            found = await self._ask(lambda: self._fs._find(self._root, detail=True))
        else:
            found = await self._walk(self._root, _DEPTH)
        if not self._is_web:
            return await self._arrange(found)
        return await self._arrange_pages(found)

    async def download(self, file: RemoteFile, to: Path) -> Digests:
        """Write a file of the store to `to`, and prove it by its size and checksum.

        Raises:
            InvalidExport: it cannot be read, or is not what the store says it is.
        """
        digests = await self._get(file, to)
        if self._names_md5 and file.md5 not in (None, digests.md5):
            again = await self._get(file, to)
            if again.md5 not in (file.md5, digests.md5):
                raise InvalidExport(f"{file.path} comes damaged: its MD5 is not {file.md5}")
            # S3's ETags are no MD5 where it encrypts with keys of KMS or of the customer.
            self._names_md5 = again.md5 == file.md5
            digests = again
        if file.size not in (None, digests.size):
            raise InvalidExport(f"{file.path} has {digests.size} bytes, and not {file.size}")
        return digests

    async def _get(self, file: RemoteFile, to: Path) -> Digests:
        await self._ask(lambda: self._fs._get_file(file.address, str(to)))
        return await asyncio.to_thread(checksums.measure, to)

    async def _arrange(self, found: Mapping[str, Mapping[str, Any]]) -> Listing:
        # Thousands of files take their time: aside, so that requests are answered meanwhile.
        return await asyncio.to_thread(listings.arrange, found, self._root, self._protocols)

    async def _arrange_pages(self, found: Iterable[str]) -> Listing:
        """The listing of a web server, whose pages name files and say nothing of them.

        Raises:
            InvalidExport: nothing can be asked of it, or models.yaml cannot.
        """
        mine = [each for each in found if listings.place(each, self._root) is not None]
        said = await asyncio.gather(*map(self._facts, mine), return_exceptions=True)
        facts = dict(zip(mine, said, strict=True))
        problems = {each: fact for each, fact in facts.items() if isinstance(fact, BaseException)}
        known = {each: fact for each, fact in facts.items() if not isinstance(fact, BaseException)}
        listing = await self._arrange(known)
        for address, problem in problems.items():
            where = listings.place(address, self._root)
            if where is None or where.version is None or not known:
                raise problem
            # A link to nothing is a fault of its version alone.
            listing.versions.pop(where.version, None)
            listing.refused.setdefault(where.version, str(problem))
        return listing

    async def _facts(self, address: str) -> dict[str, Any]:
        if not listings.is_safe(address, self._root):
            return {}
        return await self._ask(lambda: self._fs._info(address))

    async def _walk(self, folder: str, depth: int) -> dict[str, dict[str, Any]]:
        """The files below a folder, by address.

        fsspec's own walk leaves out what it cannot read: models would seem to be gone.
        """
        entries = await self._ask(lambda: self._fs._ls(folder, detail=True))
        found, folders = {}, []
        for entry in entries:
            name = entry["name"]
            if entry["type"] != "directory":
                found[name] = entry
            elif listings.leads_to_models(name, self._root):
                folders.append(name)
        if depth > 1:
            for below in await asyncio.gather(*(self._walk(each, depth - 1) for each in folders)):
                found |= below
        return found

    async def _ask(self, question: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Ask on fsspec's thread; what may be passing is tried again, later each time."""
        for attempt in range(self._attempts):
            try:
                async with self._places:
                    return await _elsewhere(question, self._fs.loop)
            except Exception as error:
                # Of a web server fsspec says so whatever went wrong.
                is_gone = isinstance(error, FileNotFoundError) and not self._is_web
                if is_gone or isinstance(error, PermissionError) or attempt == self._attempts - 1:
                    raise InvalidExport(self._reason(error)) from error
            await asyncio.sleep(_BACKOFF_S * 2**attempt * random.uniform(0.5, 1.5))
        raise AssertionError("the last attempt returns or raises")

    def _reason(self, error: Exception) -> str:
        said = without_secrets(str(error), self._address) or type(error).__name__
        return f"MODELS_DIR={self.shown} cannot be read: {said}"


async def _elsewhere(question: Callable[[], Coroutine[Any, Any, T]], loop: Any) -> T:
    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(question(), loop))


def _open(address: str) -> tuple[Any, str]:
    """The file system of an address, with fsspec's asynchronous methods, and the path in it."""
    extra = extra_of(address)
    try:
        import fsspec  # noqa: PLC0415 — an extra
        from fsspec.implementations.asyn_wrapper import AsyncFileSystemWrapper  # noqa: PLC0415

        options, address = _web_options(address) if extra == "http" else ({}, address)
        fs, root = fsspec.url_to_fs(address, **options)
    except (ImportError, ValueError) as error:
        mend = (
            f"pip install 'lutrin[{extra}]', or build the image with --build-arg EXTRAS={extra}"
            if extra
            else "install the package that reads it"
        )
        raise InvalidExport(
            f"MODELS_DIR={masked(address)} cannot be opened: {without_secrets(str(error), address)}"
            f"; {mend}"
        ) from error
    return (fs if fs.async_impl else AsyncFileSystemWrapper(fs, asynchronous=False)), root


def _web_options(address: str) -> tuple[dict[str, Any], str]:
    """How to ask a web server, and its address without the name and password for it."""
    import aiohttp  # noqa: PLC0415 — an extra

    parts = urlsplit(address)
    # A large file may take its time; a connection that says nothing may not.
    client: dict[str, Any] = {
        "trust_env": True,
        "timeout": aiohttp.ClientTimeout(total=None, sock_connect=30, sock_read=60),
    }
    if parts.username:
        who = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        client["headers"] = {"Authorization": f"Basic {base64.b64encode(who.encode()).decode()}"}
    options = {"client_kwargs": client, "simple_links": False}
    return options, parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
