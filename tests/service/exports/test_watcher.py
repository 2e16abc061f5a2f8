"""Changes in the folder of models are told: soon, together, and whatever happens to the folder."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Literal

import pytest

from service.exports import filesystems, watcher
from service.exports.watcher import changes

Mode = Literal["auto", "poll"]
both = pytest.mark.parametrize("mode", ["auto", "poll"])


class Told:
    """How often a watch told of changes."""

    times = 0

    async def reaches(self, times: int) -> None:
        """Wait until it told this often."""
        deadline = time.monotonic() + 8
        while self.times < times:
            assert time.monotonic() < deadline, f"told {self.times} times, not {times}"
            await asyncio.sleep(0.02)

    async def stays(self, times: int) -> None:
        """See that it tells no more."""
        await asyncio.sleep(0.4)
        assert self.times == times


@asynccontextmanager
async def watching(*paths: Path, mode: Mode) -> AsyncIterator[Told]:
    """A watch that has begun, which itself counts as the first change."""
    told = Told()

    async def listen() -> None:
        async with aclosing(changes(paths, mode)) as watched:
            async for _ in watched:
                told.times += 1

    task = asyncio.create_task(listen())
    await told.reaches(1)
    yield told
    task.cancel()
    began = time.monotonic()
    await asyncio.gather(task, return_exceptions=True)
    assert time.monotonic() - began < 0.2, "cancelled, it went on"


@pytest.fixture(autouse=True)
def _look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watcher, "_POLL_S", 0.05)
    monkeypatch.setattr(watcher, "_PAUSE_S", 0.1)
    monkeypatch.setattr(watcher, "_GLANCE_S", 0.05)


def run(test: Callable[[], Awaitable[None]]) -> None:
    """Run a test's coroutine."""

    async def main() -> None:
        await test()

    asyncio.run(main())


@both
def test_a_copy_of_many_files_is_one_change(tmp_path: Path, mode: Mode) -> None:
    async def test() -> None:
        (tmp_path / "mnist").mkdir()
        async with watching(tmp_path, mode=mode) as told:
            version = tmp_path / "mnist" / "1"
            version.mkdir()
            for number in range(20):
                (version / f"part-{number}").write_text("weights")
                await asyncio.sleep(0.02)
            # A busy machine may pause in the middle, and a new folder begins the watch anew.
            await told.reaches(2)
            await asyncio.sleep(0.25)
            settled = told.times
            assert settled <= 5, "it told of files one by one"
            (version / "part-3").write_text("other weights")
            await told.reaches(settled + 1)
            await told.stays(settled + 1)

    run(test)


@both
def test_what_is_hidden_is_being_made_and_does_not_count(tmp_path: Path, mode: Mode) -> None:
    async def test() -> None:
        async with watching(tmp_path, mode=mode) as told:
            (tmp_path / ".export-1").mkdir()
            (tmp_path / ".export-1" / "saved_model.pb").write_text("")
            await told.stays(1)
            (tmp_path / ".export-1").rename(tmp_path / "1")
            await told.reaches(2)

    run(test)


@both
def test_the_folder_may_come_late_go_and_come_back(tmp_path: Path, mode: Mode) -> None:
    async def test() -> None:
        folder = tmp_path / "models"
        async with watching(folder, mode=mode) as told:
            for _ in range(2):
                seen = told.times
                (folder / "mnist").mkdir(parents=True)
                await told.reaches(seen + 1)
                await asyncio.sleep(0.25)
                seen = told.times
                (folder / "mnist" / "label").write_text("1")
                await told.reaches(seen + 1)
                shutil.rmtree(folder)
                await told.reaches(seen + 2)

    run(test)


@both
def test_a_link_to_the_folder_may_be_turned_to_another(tmp_path: Path, mode: Mode) -> None:
    async def test() -> None:
        for name in ("blue", "green"):
            (tmp_path / name).mkdir()
        link = tmp_path / "current"
        link.symlink_to("blue")
        async with watching(link, mode=mode) as told:
            (tmp_path / "next").symlink_to("green")
            (tmp_path / "next").rename(link)
            await told.reaches(2)
            await asyncio.sleep(0.25)
            seen = told.times
            (tmp_path / "green" / "saved_model.pb").write_text("")
            await told.reaches(seen + 1)

    run(test)


@both
def test_a_single_file_is_watched_as_editors_and_kubernetes_write_it(
    tmp_path: Path, mode: Mode
) -> None:
    async def test() -> None:
        plans, folder = tmp_path / "models.yaml", tmp_path / "models"
        folder.mkdir()
        plans.write_text("models: {}")
        async with watching(folder, plans, mode=mode) as told:
            (tmp_path / "new").write_text("models: {a: {}}")
            (tmp_path / "new").replace(plans)
            await told.reaches(2)
            await asyncio.sleep(0.25)
            seen = told.times
            plans.write_text("models: {b: {}}")
            await told.reaches(seen + 1)

    run(test)


def test_links_that_lead_back_end_a_look(tmp_path: Path) -> None:
    async def test() -> None:
        (tmp_path / "again").symlink_to(tmp_path)
        (tmp_path / "nowhere").symlink_to(tmp_path / "gone")
        async with watching(tmp_path, mode="poll") as told:
            (tmp_path / "file").write_text("")
            await told.reaches(2)

    run(test)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read_does_not_hide_the_others(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def test() -> None:
        (tmp_path / "secret").mkdir(mode=0)
        async with watching(tmp_path, mode="auto") as told:
            (tmp_path / "mnist").mkdir()
            await told.reaches(2)
        assert "secret" in caplog.text

    run(test)


_UNDER_A_LIMIT = """
import asyncio, sys
from contextlib import aclosing
from pathlib import Path
from service.exports import watcher
from service.exports.watcher import changes

watcher._PAUSE_S, watcher._POLL_S, watcher._GLANCE_S = 0.1, 0.1, 0.1

async def main(folder):
    async with aclosing(changes([folder])) as watched:
        await anext(watched)
        for number in range(4):
            (folder / f"model-{number}" / "1").mkdir(parents=True)
            await asyncio.wait_for(anext(watched), 8)
        print("told")

asyncio.run(main(Path(sys.argv[1])))
"""


def test_a_low_limit_of_the_kernel_is_said_and_the_folder_polled(tmp_path: Path) -> None:
    limited = [
        *("unshare", "--user", "--map-root-user", "sh", "-c"),
        'echo 5 > /proc/sys/user/max_inotify_watches && exec "$@"',
        "sh",
    ]
    if not shutil.which("unshare") or subprocess.run([*limited, "true"], check=False).returncode:
        pytest.skip("no user namespace, in which alone the limit can be set for a test")
    command = [*limited, sys.executable, "-c", _UNDER_A_LIMIT, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "told\n", done.stderr
    assert "raise fs.inotify.max_user_watches" in done.stderr


@pytest.mark.parametrize(
    ("folder", "silent"),
    [
        ("/data/models", True),
        ("/data/models/deeper", True),
        ("/data", False),
        ("/data/models-of-ours", False),
        ("/with blank/models", True),
        ("/bucket", True),
    ],
)
def test_file_systems_that_tell_nothing_are_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str, silent: bool
) -> None:
    table = tmp_path / "mountinfo"
    table.write_text(
        "22 1 8:1 / / rw,relatime - overlay overlay rw,lowerdir=/a\n"
        "36 22 8:2 / /data rw,noatime shared:2 master:3 - ext4 /dev/sdb1 rw\n"
        "37 36 0:40 / /data/models rw - nfs4 server:/models rw,vers=4.2\n"
        "38 22 0:41 / /with\\040blank rw - 9p share rw\n"
        "39 22 0:42 / /bucket rw - ext4 /dev/sdc rw\n"
        "40 22 0:43 / /bucket rw - fuse.s3fs s3fs rw\n"
    )
    monkeypatch.setattr(filesystems, "_MOUNTS", table)
    assert filesystems.is_silent(Path(folder)) is silent
