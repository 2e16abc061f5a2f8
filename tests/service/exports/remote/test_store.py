"""Stores as they are: one that speaks S3, web servers' pages, and what goes wrong on the way."""

from __future__ import annotations

import asyncio
import base64
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from service.errors import InvalidExport
from service.exports.remote import mirror
from service.exports.remote import store as remote_store
from service.exports.remote.mirror import Mirror
from tests import ROOT, stores
from tests.images import LIGHT
from tests.server import Server
from tests.stores import Bucket

VERSION = {"saved_model.pb": b"graph", "variables/variables.index": b"index"}


@pytest.fixture(scope="module")
def bucket() -> Iterator[Bucket]:
    """A bucket of a real server that speaks S3."""
    with stores.s3() as own:
        yield own


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mirror, "_REST_S", 0.02)
    monkeypatch.setattr(remote_store, "_BACKOFF_S", 0.01)


@pytest.fixture
def in_bucket(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """The bucket, for this process by its environment."""
    for name, value in bucket.environment.items():
        monkeypatch.setenv(name, value)
    return bucket


def shown(folder: Path) -> dict[str, bytes]:
    """The files of a folder that are not hidden."""
    found = {path.relative_to(folder): path for path in folder.rglob("*") if path.is_file()}
    return {
        inside.as_posix(): path.read_bytes()
        for inside, path in found.items()
        if not any(part.startswith(".") for part in inside.parts)
    }


def test_a_bucket_is_mirrored(in_bucket: Bucket, tmp_path: Path) -> None:
    large = [b"a" * 5 * 1024 * 1024, b"b"]
    in_bucket.put("some place/mnist/1/", b"")  # a mark that tools leave for a folder
    in_bucket.put("some place/mnist/1/saved_model.pb", b"graph")
    in_bucket.put("some place/mnist/1/assets/größe #1+?.txt", b"metre")
    in_bucket.put_in_parts("some place/mnist/1/variables/variables.data", large)
    in_bucket.put("some place/mnist/1//etc/passwd", b"")
    in_bucket.put("some place/mnist/2/saved_model.pb", b"graph")
    in_bucket.put("some place/mnist/2/../../../escaped", b"")
    in_bucket.put("some place/models.yaml", b"models: {}")
    own = Mirror("s3://models/some place", tmp_path)
    asyncio.run(own.sync())
    files = shown(own.local)
    assert "mnist/1/saved_model.pb" not in files, "a version with an odd name came in"
    in_bucket.remove("some place/mnist/1//")
    assert asyncio.run(own.sync())
    assert shown(own.local) == {
        "mnist/1/saved_model.pb": b"graph",
        "mnist/1/assets/größe #1+?.txt": b"metre",
        "mnist/1/variables/variables.data": b"".join(large),
        "mnist/2/saved_model.pb": b"graph",
        "models.yaml": b"models: {}",
    }
    assert not (tmp_path / "escaped").exists()
    assert not (own.local.parent / "escaped").exists()


def test_a_bucket_that_is_not_there_is_said(in_bucket: Bucket, tmp_path: Path) -> None:
    says = r"MODELS_DIR=s3://nobodys/models cannot be read: .*bucket does not exist"
    with pytest.raises(InvalidExport, match=says):
        asyncio.run(Mirror("s3://nobodys/models", tmp_path).sync())


class Encrypted(MemoryFileSystem):
    """A store like S3 with keys of KMS, whose ETags are no MD5, and which may damage a transfer."""

    protocol = ("encrypted", "s3")
    damages: int = 0

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return "/" + path.removeprefix("encrypted://").strip("/")

    def info(self, path: str, **options: Any) -> dict[str, Any]:
        """What the store says of a file."""
        facts: dict[str, Any] = super().info(path, **options)
        return facts | {"ETag": f'"{"0" * 32}"'}

    def find(self, path: str, **options: Any) -> Any:
        """All files below a path."""
        return {name: self.info(name) for name in super().find(path)}

    def get_file(self, rpath: str, lpath: str, **options: Any) -> None:
        """Download one file."""
        super().get_file(rpath, lpath, **options)
        if Encrypted.damages:
            Encrypted.damages -= 1
            Path(lpath).write_bytes(os.urandom(5))


@pytest.mark.parametrize(("damages", "arrives"), [(0, True), (2, False)])
def test_an_md5_that_is_none_is_told_from_damage(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damages: int, arrives: bool
) -> None:
    fsspec.register_implementation("encrypted", Encrypted, clobber=True)
    store = fsspec.filesystem("encrypted")
    store.store.clear()
    store.pipe_file("/models/mnist/1/saved_model.pb", b"graph")
    Encrypted.damages = damages
    own = Mirror("encrypted://models", tmp_path)
    asyncio.run(own.sync())
    assert ("mnist/1/saved_model.pb" in shown(own.local)) is arrives
    assert ("saved_model.pb comes damaged" in caplog.text) is not arrives
    store.store.clear()


def test_a_folder_behind_a_web_server_is_mirrored(tmp_path: Path) -> None:
    served = tmp_path / "served"
    for path, content in VERSION.items():
        for name in ("mnist/1", "mnist/2", "größe & maß/1", ".git/1"):
            (served / name / path).parent.mkdir(parents=True, exist_ok=True)
            (served / name / path).write_bytes(content)
    (served / "mnist/1/assets").mkdir()
    (served / "mnist/1/assets/größe #1 & 100%.txt").write_bytes(b"metre")
    (served / "models.yaml").write_bytes(b"models: {}")
    with stores.web(stores.folder_pages(served)) as address:
        own = Mirror(address, tmp_path / "cache")
        assert asyncio.run(own.sync())
        assert shown(own.local) == {
            **{f"mnist/{number}/{path}": VERSION[path] for number in (1, 2) for path in VERSION},
            "mnist/1/assets/größe #1 & 100%.txt": b"metre",
            "models.yaml": b"models: {}",
        }
        assert not asyncio.run(own.sync())
        shutil.rmtree(served / "mnist" / "1")
        (served / "mnist/2/saved_model.pb").write_bytes(b"other")
        os.utime(served / "mnist/2/saved_model.pb", (0, 0))  # this server tells times by seconds
        assert asyncio.run(own.sync())
        assert shown(own.local)["mnist/2/saved_model.pb"] == b"other"
        assert not any(path.startswith("mnist/1/") for path in shown(own.local))


def test_no_link_of_a_page_leads_out_of_the_folder(tmp_path: Path) -> None:
    links = [
        *("../", "/", "//evil.test/models/mnist/3/saved_model.pb", "?C=N;O=D", "#top", "./1/"),
        *("..%2f..%2fescaped", "%2e%2e/escaped", "/etc/passwd", "mailto:a@b", "javascript:0"),
    ]
    hostile = [*("../../../../escaped", "a%2fb", "a%5cb", "a%00b"), "http://evil.test/x"]
    pages: dict[str, str | bytes] = {
        "/models/": '<a href="mnist/">mnist</a>',
        "/models/mnist/": "".join(f'<a href="{link}">x</a>' for link in ["2/", *links]),
        "/models/mnist/./1/": '<a href="./saved_model.pb">x</a><a href="?C=M">x</a>',
        "/models/mnist/2/": '<a href="saved_model.pb">x</a>'
        + "".join(f'<a href="{link}">x</a>' for link in hostile),
        "/models/mnist/1/": '<a href="saved_model.pb">x</a>',
        "/models/mnist/1/saved_model.pb": b"graph",
        "/models/mnist/2/saved_model.pb": b"graph",
    }
    with stores.web(stores.pages(pages)) as address:
        own = Mirror(f"{address}/models/", tmp_path / "cache")
        asyncio.run(own.sync())
        assert shown(own.local) == {"mnist/1/saved_model.pb": b"graph"}
    assert {path.name for path in tmp_path.iterdir()} == {"cache"}


def test_a_password_in_an_address_is_sent_and_never_shown(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Guarded(stores.Quiet):
        def do_GET(self) -> None:  # noqa: N802 — the library names it
            expected = "Basic " + base64.b64encode(b"reader:p@ss word").decode()
            self.send_response(403 if self.headers["Authorization"] == expected else 401)
            self.end_headers()

    caplog.set_level("DEBUG", "service")
    with stores.web(Guarded) as address:
        secret = address.replace("//", "//reader:p%40ss%20word@") + "/models?sig=hidden"
        with pytest.raises(InvalidExport, match=f"MODELS_DIR={address}/models.* 403") as caught:
            asyncio.run(Mirror(secret, tmp_path).sync())
    for text in (str(caught.value), caplog.text, *map(str, tmp_path.rglob("*"))):
        assert "ss word" not in text
        assert "ss%20word" not in text
        assert "hidden" not in text


def test_what_comes_short_is_not_taken(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    class Short(stores.Quiet):
        def do_GET(self) -> None:  # noqa: N802 — the library names it
            page = {
                "/": '<a href="mnist/">x</a>',
                "/mnist/": '<a href="1/">x</a>',
                "/mnist/1/": '<a href="saved_model.pb">x</a>',
            }.get(self.path)
            body = b"gra" if page is None else page.encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/x" if page is None else "text/html")
            self.send_header("Content-Length", str(len(body) + 2 * (page is None)))
            self.end_headers()
            self.wfile.write(body)

        do_HEAD = do_GET  # noqa: N815

    with stores.web(Short) as address:
        own = Mirror(address, tmp_path)
        asyncio.run(own.sync())
    assert shown(own.local) == {}
    assert "mnist/1 is left out" in caplog.text


def test_a_long_download_says_how_far_it_is_and_can_be_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(mirror, "_GLANCE_S", 0.05)
    monkeypatch.setattr(mirror, "_REPORT_S", 0.0)
    caplog.set_level("INFO")
    goes_on = threading.Event()

    class Slow(stores.Quiet):
        def __init__(self, *given: Any) -> None:
            super().__init__(*given, directory=str(tmp_path / "served"))

        def copyfile(self, source: Any, outputfile: Any) -> None:
            if self.path.endswith("saved_model.pb"):
                outputfile.write(source.read(8_000_000))
                outputfile.flush()
                goes_on.wait(10)
            super().copyfile(source, outputfile)

    (tmp_path / "served/mnist/1").mkdir(parents=True)
    (tmp_path / "served/mnist/1/saved_model.pb").write_bytes(b"12345678" * 2_000_000)

    async def begin_and_end(own: Mirror) -> None:
        syncing = asyncio.create_task(own.sync())
        deadline = time.monotonic() + 10
        while " of 16 MB" not in own.status or ": 0 of" in own.status:
            assert time.monotonic() < deadline, own.status
            await asyncio.sleep(0.02)
        syncing.cancel()
        began = time.monotonic()
        await asyncio.gather(syncing, return_exceptions=True)
        assert time.monotonic() - began < 1, "cancelled, it went on"

    with stores.web(Slow) as address:
        own = Mirror(address, tmp_path / "cache")
        asyncio.run(begin_and_end(own))
        assert [path.name for path in own.local.iterdir()] == [".lock"]
        goes_on.set()
        asyncio.run(own.sync())
    assert "mnist/1/saved_model.pb" in shown(own.local)
    assert f"fetching {address}: " in caplog.text


_FETCH = """
import asyncio, sys
from pathlib import Path
from service.exports.remote.mirror import Mirror
asyncio.run(Mirror(sys.argv[1], Path(sys.argv[2])).sync())
"""


def test_a_process_killed_in_the_middle_leaves_nothing_half(tmp_path: Path) -> None:
    served = tmp_path / "served"
    for number in ("1", "2"):
        (served / "mnist" / number).mkdir(parents=True)
        (served / "mnist" / number / "saved_model.pb").write_bytes(b"graph" * 100_000)

    class Slow(stores.Quiet):
        is_slow = True

        def __init__(self, *given: Any) -> None:
            super().__init__(*given, directory=str(served))

        def copyfile(self, source: Any, outputfile: Any) -> None:
            if Slow.is_slow and self.path.endswith("1/saved_model.pb"):
                outputfile.write(source.read(1000))
                outputfile.flush()
                time.sleep(20)
            super().copyfile(source, outputfile)

    with stores.web(Slow) as address:
        own = Mirror(address, tmp_path / "cache")
        process = subprocess.Popen(
            [sys.executable, "-c", _FETCH, address, str(tmp_path / "cache")],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        deadline = time.monotonic() + 20
        while not list(own.local.glob(".incoming-*/mnist/1/saved_model.pb")):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.wait(10)
        assert shown(own.local) == {}, "a version that is not whole is there"
        assert list(own.local.glob(".incoming-*"))
        Slow.is_slow = False
        asyncio.run(own.sync())
    assert set(shown(own.local)) == {"mnist/1/saved_model.pb", "mnist/2/saved_model.pb"}
    assert not list(own.local.glob(".incoming-*"))


def test_a_version_put_into_a_bucket_is_served(
    bucket: Bucket, models_dir: Path, tmp_path: Path
) -> None:
    settings: dict[str, Any] = {
        **bucket.environment,
        "MODELS_DIR": "s3://models/served",
        "CACHE_DIR": tmp_path,
        "REMOTE_POLL_S": 1,
    }
    image = {"image": LIGHT}

    def classify() -> int:
        reply = server.client.post("/v1/classify?model=shade", files=image)
        assert reply.status_code == 200, reply.text
        return int(reply.json()["version"])

    with Server(wait_ready=False, **settings) as server:
        assert server.client.get("/health/live").status_code == 200
        reply = server.client.get("/health/ready")
        assert reply.status_code == 503
        assert "s3://models/served" in reply.text
        assert server.client.post("/v1/classify", files=image).status_code in (404, 503)
        bucket.put_folder("served/shade/1", models_dir / "shade" / "1")
        server.wait_ready()
        assert classify() == 1
        bucket.put_folder("served/shade/2", models_dir / "shade" / "1")
        deadline = time.monotonic() + 20
        while classify() != 2:
            assert time.monotonic() < deadline, server.log
            time.sleep(0.05)
        assert bucket.environment["AWS_SECRET_ACCESS_KEY"] not in "".join(server.log)
