"""Only whole versions appear in the local copy of a store, and they stay through its troubles."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import fsspec
import pytest

from service.errors import InvalidExport
from service.exports.remote import cache, mirror
from service.exports.remote import store as remote_store
from service.exports.remote.mirror import Mirror

VERSION = {"saved_model.pb": b"graph", "variables/variables.index": b"index"}


class Store:
    """Models in memory, at an address of their own."""

    def __init__(self) -> None:
        self._fs = fsspec.filesystem("memory")
        self._root = f"/{uuid.uuid4().hex}"
        self.address = f"memory:/{self._root}"
        self._fs.mkdir(self._root)

    def put(self, version: str, files: dict[str, bytes]) -> None:
        """Write a version's files."""
        for path, content in files.items():
            self.write(f"{version}/{path}", content)

    def write(self, path: str, content: bytes) -> None:
        """Write one file."""
        self._fs.pipe_file(f"{self._root}/{path}", content)

    def remove(self, path: str = "") -> None:
        """Remove a file or folder."""
        self._fs.rm(f"{self._root}/{path}".rstrip("/"), recursive=True)


@pytest.fixture
def store() -> Iterator[Store]:
    """An empty store."""
    yield Store()
    fsspec.filesystem("memory").store.clear()


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mirror, "_REST_S", 0.02)
    monkeypatch.setattr(remote_store, "_BACKOFF_S", 0.01)


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that are downloaded."""
    paths: list[str] = []
    real = remote_store.Remote.download

    async def noted(self: remote_store.Remote, file: Any, to: Path) -> Any:
        paths.append(file.path)
        return await real(self, file, to)

    monkeypatch.setattr(remote_store.Remote, "download", noted)
    return paths


def sync(of: Mirror) -> bool:
    """Sync once; whether anything changed."""
    return asyncio.run(of.sync())


def shown(folder: Path) -> dict[str, bytes]:
    """The files of a folder that are not hidden."""
    files = {path.relative_to(folder): path for path in folder.rglob("*") if path.is_file()}
    return {
        path.as_posix(): files[path].read_bytes()
        for path in sorted(files)
        if not any(part.startswith(".") for part in path.parts)
    }


def hidden(folder: Path) -> set[str]:
    """What is under way in a folder."""
    return {path.name for path in folder.iterdir() if path.name.startswith((".in", ".out"))}


def test_what_is_a_model_is_mirrored_and_nothing_else(store: Store, tmp_path: Path) -> None:
    store.put("mnist/1", VERSION | {"assets/größen und maße.txt": "é".encode()})
    store.put("mnist/002", VERSION)
    store.put("mnist/latest", VERSION)
    store.put("no graph/1", VERSION)
    store.put("empty/1", {"notes.txt": b""})
    store.put("mnist/1/.ipynb_checkpoints", {"x": b""})
    store.write("models.yaml", b"models: {}")
    store.write("readme.txt", b"")
    own = Mirror(store.address, tmp_path)
    assert sync(own)
    assert shown(own.local) == {
        "mnist/1/assets/größen und maße.txt": "é".encode(),
        "mnist/1/saved_model.pb": b"graph",
        "mnist/1/variables/variables.index": b"index",
        "mnist/2/saved_model.pb": b"graph",
        "mnist/2/variables/variables.index": b"index",
        "models.yaml": b"models: {}",
    }
    assert not hidden(own.local)
    assert own.local.is_relative_to(tmp_path)


def test_what_did_not_change_is_not_fetched_again(
    store: Store, tmp_path: Path, fetched: list[str]
) -> None:
    store.put("mnist/1", VERSION)
    sync(Mirror(store.address, tmp_path))
    assert sorted(fetched) == sorted(VERSION)
    fetched.clear()
    again = Mirror(store.address, tmp_path)
    assert sync(again), "the first look tells what there is"
    assert not sync(again)
    assert fetched == []
    store.put("mnist/2", VERSION)
    assert sync(again)
    assert sorted(fetched) == sorted(VERSION)


def test_a_version_that_changed_is_replaced_as_a_whole(store: Store, tmp_path: Path) -> None:
    store.put("mnist/1", VERSION)
    own = Mirror(store.address, tmp_path)
    sync(own)
    with (own.local / "mnist/1/saved_model.pb").open("rb") as in_use:
        store.remove("mnist/1/variables")
        store.put("mnist/1", {"saved_model.pb": b"other", "new": b""})
        assert sync(own)
        assert in_use.read() == b"graph", "a model that runs keeps its files"
    assert shown(own.local) == {"mnist/1/new": b"", "mnist/1/saved_model.pb": b"other"}
    assert not hidden(own.local)


def test_without_an_exchange_in_one_step_a_version_is_replaced_in_two(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.exports.remote.swap._exchange_at_once", lambda *_: False)
    test_a_version_that_changed_is_replaced_as_a_whole(store, tmp_path)


def test_what_is_gone_from_the_store_goes(store: Store, tmp_path: Path) -> None:
    store.put("mnist/1", VERSION)
    store.put("mnist/2", VERSION)
    store.put("cifar/1", VERSION)
    store.write("models.yaml", b"models: {}")
    own = Mirror(store.address, tmp_path)
    sync(own)
    for path in ("mnist/2", "cifar", "models.yaml"):
        store.remove(path)
    assert sync(Mirror(store.address, tmp_path))
    assert set(shown(own.local)) == {f"mnist/1/{path}" for path in VERSION}
    assert not (own.local / "cifar").exists()


def test_an_empty_store_does_not_end_what_was_fetched(
    store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store.put("mnist/1", VERSION)
    own = Mirror(store.address, tmp_path)
    sync(own)
    store.remove("mnist")
    assert not sync(own)
    assert not sync(own)
    assert "mnist/1/saved_model.pb" in shown(own.local)
    assert caplog.text.count("there are no models in memory://") == 1


def test_a_file_cut_on_this_disk_is_fetched_again(store: Store, tmp_path: Path) -> None:
    store.put("mnist/1", VERSION)
    own = Mirror(store.address, tmp_path)
    sync(own)
    (own.local / "mnist/1/saved_model.pb").write_bytes(b"gra")
    sync(own)
    assert (own.local / "mnist/1/saved_model.pb").read_bytes() == b"graph"


def test_processes_share_a_folder_and_the_work(
    store: Store, tmp_path: Path, fetched: list[str]
) -> None:
    for number in range(1, 6):
        store.put(f"mnist/{number}", VERSION)

    async def both() -> list[bool]:
        return await asyncio.gather(*(Mirror(store.address, tmp_path).sync() for _ in range(2)))

    assert asyncio.run(both()) == [True, True]
    assert len(fetched) == 5 * len(VERSION), "they did it twice"


def test_without_locks_the_slower_process_loses_gracefully(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "_try_lock", lambda _: False)
    store.put("mnist/1", VERSION)

    async def both() -> list[bool]:
        return await asyncio.gather(*(Mirror(store.address, tmp_path).sync() for _ in range(2)))

    assert asyncio.run(both()) == [True, True]
    own = Mirror(store.address, tmp_path)
    assert set(shown(own.local)) == {f"mnist/1/{path}" for path in VERSION}
    assert not hidden(own.local)


def test_what_a_process_that_died_left_is_swept(store: Store, tmp_path: Path) -> None:
    store.put("mnist/1", VERSION)
    own = Mirror(store.address, tmp_path)
    (own.local / ".incoming-dead" / "mnist" / "1").mkdir(parents=True)
    (own.local / ".outgoing-dead").mkdir()
    sync(own)
    assert not hidden(own.local)


def test_a_version_still_being_uploaded_waits(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mirror, "_REST_S", 0.3)
    store.put("mnist/1", {"saved_model.pb": b"graph"})
    own = Mirror(store.address, tmp_path)

    async def upload_goes_on() -> None:
        syncing = asyncio.create_task(own.sync())
        await asyncio.sleep(0.15)
        store.put("mnist/1", VERSION)
        await syncing

    asyncio.run(upload_goes_on())
    assert shown(own.local) == {}
    sync(own)
    assert set(shown(own.local)) == {f"mnist/1/{path}" for path in VERSION}


def _listed(files: dict[str, bytes]) -> bytes:
    lines = [f"{hashlib.sha256(files[path]).hexdigest()}  {path}\n" for path in files]
    return "".join(lines).encode()


def test_a_list_of_checksums_proves_a_version(
    store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture, fetched: list[str]
) -> None:
    other = VERSION | {"saved_model.pb": b"other"}
    store.put("sound/1", VERSION | {"SHA256SUMS": _listed(VERSION)})
    store.put("wrong/1", other | {"SHA256SUMS": _listed(VERSION)})
    store.put("half/1", {"saved_model.pb": b"graph", "SHA256SUMS": _listed(VERSION)})
    store.put("odd/1", VERSION | {"SHA256SUMS": b"md5 of something"})
    own = Mirror(store.address, tmp_path)
    sync(own)
    assert {path.split("/")[0] for path in shown(own.local)} == {"sound"}
    assert "wrong/1 is left out: saved_model.pb is not what SHA256SUMS says" in caplog.text
    assert "half/1 is left out: SHA256SUMS names variables/variables.index" in caplog.text
    assert "odd/1 is left out: line 1 of SHA256SUMS" in caplog.text
    # The same files are not fetched at every look; mended, they are.
    fetched.clear()
    sync(own)
    assert fetched == []
    store.put("wrong/1", VERSION)
    sync(own)
    assert {path.split("/")[0] for path in shown(own.local)} == {"sound", "wrong"}


@pytest.mark.parametrize("name", ["a\\b", "line\nfeed", "C:evil", "n" * 300])
def test_a_version_with_an_odd_name_is_refused(
    store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    store.put("mnist/1", VERSION)
    store.put("mnist/2", VERSION | {f"assets/{name}": b""})
    own = Mirror(store.address, tmp_path)
    sync(own)
    assert {path.split("/")[1] for path in shown(own.local)} == {"1"}
    assert "mnist/2" in caplog.text
    assert "odd name" in caplog.text


def test_it_waits_for_a_store_until_it_can_be_read(
    store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store.remove()
    own = Mirror(store.address, tmp_path)

    async def begin() -> str:
        starting = asyncio.create_task(own.start())
        await asyncio.sleep(0.3)
        problem = own.status
        store.put("mnist/1", VERSION)
        await asyncio.wait_for(starting, 5)
        return problem

    assert f"MODELS_DIR={store.address} cannot be read" in asyncio.run(begin())
    assert "trying again in 1 s" in caplog.text
    assert "mnist/1/saved_model.pb" in shown(own.local)
    assert own.status == ""


def test_what_was_fetched_is_served_while_the_store_is_away(
    store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store.put("mnist/1", VERSION)
    sync(Mirror(store.address, tmp_path))
    store.remove()
    own = Mirror(store.address, tmp_path)

    async def come_back() -> None:
        await asyncio.wait_for(own.start(), 5)
        looks = own.changes(0.05)
        looking = asyncio.ensure_future(anext(looks))
        await asyncio.sleep(0.3)
        assert not looking.done()
        assert "mnist/1/saved_model.pb" in shown(own.local)
        store.put("mnist/2", VERSION)
        await asyncio.wait_for(looking, 5)
        await looks.aclose()

    asyncio.run(come_back())
    assert "what was fetched before is served" in caplog.text
    assert {path.split("/")[1] for path in shown(own.local)} == {"2"}


def test_a_folder_that_cannot_be_written_is_said_at_once(store: Store, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidExport, match=r"CACHE_DIR: .* cannot be written.*mounted volume"):
        Mirror(store.address, tmp_path / "file")


def test_a_disk_too_small_is_said(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put("mnist/1", VERSION)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1_000_000))
    with pytest.raises(InvalidExport, match=r"CACHE_DIR: .* has room for 1 MB.*larger disk"):
        sync(Mirror(store.address, tmp_path))


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("gs://bucket/models", r"pip install 'lutrin\[gcs\]'"),
        ("abcd://host/models", "Protocol not known: abcd"),
    ],
)
def test_a_package_that_is_missing_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str, says: str
) -> None:
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    with pytest.raises(InvalidExport, match=says):
        Mirror(address, tmp_path)
