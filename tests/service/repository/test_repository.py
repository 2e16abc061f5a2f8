"""The models follow the folder: new versions, bad ones, vanished ones, by hand, on demand."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from service.errors import Conflict, InvalidExport, ModelNotFound, NotReady, VersionNotFound
from service.loading import goldens as loading_goldens
from service.manifest import golden_path, manifest_path
from service.repository.model import Model
from service.repository.repository import Repository
from service.settings import Settings


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exports come to rest sooner here."""
    monkeypatch.setattr("service.repository.repository._AT_REST_S", 0.2)


@pytest.fixture
def folder(models_dir: Path, tmp_path: Path) -> Path:
    """A folder with one model in one version."""
    add(tmp_path, models_dir, 1)
    return tmp_path


def add(folder: Path, models_dir: Path, version: int, name: str = "shade") -> Path:
    """A further version, as if it had been there for long."""
    path = folder / name / str(version)
    aside = folder / f".{name}-{version}"
    shutil.copytree(models_dir / "shade" / "1", aside)
    path.parent.mkdir(exist_ok=True)
    aside.rename(path)
    return path


def follow(folder: Path, use: Callable[[Repository], Awaitable[None]], **settings: Any) -> None:
    """Start a repository on the folder, use and close it."""

    async def run() -> None:
        repository = Repository(Settings(models_dir=folder, device="cpu", **settings))
        await repository.start()
        try:
            await repository.load_all()
            await asyncio.wait_for(use(repository), 60)
        finally:
            await repository.close()

    asyncio.run(run())


async def settle(repository: Repository) -> None:
    """Refresh until nothing in the folder is young any more, and nothing leaves."""
    while await repository.refresh():  # noqa: ASYNC110
        await asyncio.sleep(0.1)
    await asyncio.sleep(0)
    while any(model.state == "unloading" for model in repository.models):  # noqa: ASYNC110
        await asyncio.sleep(0.01)


def states(repository: Repository, name: str = "shade") -> dict[int, str]:
    return {each.export.version: each.state for each in repository.versions(name).models}


def test_a_new_version_is_proven_and_takes_over(folder: Path, models_dir: Path) -> None:
    async def use(repository: Repository) -> None:
        old = repository.versions("shade").pick()
        old.hold()
        add(folder, models_dir, 2)
        started = time.time()
        assert await repository.refresh(), "it may still be written"
        assert states(repository) == {1: "ready"}
        while await repository.refresh():  # noqa: ASYNC110
            await asyncio.sleep(0.1)
        assert 0.1 < time.time() - started < 5
        assert states(repository) == {2: "ready"}
        assert repository.versions("shade").pick().export.version == 2
        await asyncio.sleep(0.05)
        assert old.state == "unloading", "somebody holds it"
        assert old in repository.models
        old.release()
        await settle(repository)
        assert (old.state, old.loaded) == ("unloaded", None)
        assert old not in repository.models
        with pytest.raises(VersionNotFound, match="'shade' is served in version 2, not 1"):
            repository.versions("shade").pick(1)

    follow(folder, use)


@pytest.mark.parametrize("breakage", ["no goldens", "cut", "half cut", "no manifest", "nonsense"])
def test_a_bad_version_never_takes_traffic(folder: Path, models_dir: Path, breakage: str) -> None:
    async def use(repository: Repository) -> None:
        bad = add(folder, models_dir, 2)
        if breakage == "no goldens":
            golden_path(bad).unlink()
        elif breakage == "no manifest":
            manifest_path(bad).unlink()
        elif breakage == "nonsense":
            manifest_path(bad).write_text("{}")
        else:
            weights = max(bad.rglob("*.bin"), key=lambda path: path.stat().st_size)
            os.truncate(weights, weights.stat().st_size // 2)
            if breakage == "cut":  # else it would run on TensorFlow still
                shutil.rmtree(bad / "variables")
        await settle(repository)
        assert states(repository) == {2: "failed", 1: "ready"}
        assert repository.versions("shade").pick().export.version == 1
        with pytest.raises(NotReady, match=r"'shade' is not ready \(failed\): "):
            await repository.bring("shade", 2)

        shutil.rmtree(bad)
        add(folder, models_dir, 2)  # mended under the same number
        await settle(repository)
        assert states(repository) == {2: "ready"}

    follow(folder, use)


def test_a_start_beside_a_bad_newest_version_serves_the_one_before(
    folder: Path, models_dir: Path
) -> None:
    golden_path(add(folder, models_dir, 2)).unlink()

    async def use(repository: Repository) -> None:
        assert states(repository) == {2: "failed", 1: "ready"}

    follow(folder, use)


def test_what_vanishes_is_unloaded_and_what_comes_is_loaded(folder: Path, models_dir: Path) -> None:
    async def use(repository: Repository) -> None:
        shutil.rmtree(folder / "shade")
        add(folder, models_dir, 7, "other")
        await settle(repository)
        assert list(repository.all_versions) == ["other"]
        assert states(repository, "other") == {7: "ready"}
        with pytest.raises(ModelNotFound, match="no model 'shade'; there are: other"):
            repository.versions("shade")
        aside = folder.rename(folder.with_name("gone"))  # noqa: ASYNC240
        with pytest.raises(InvalidExport, match="is not a folder"):
            await repository.refresh()
        assert states(repository, "other") == {7: "ready"}, "a share that is away empties nothing"
        aside.rename(folder)

    follow(folder, use)


def test_a_version_written_anew_in_its_place_is_loaded_anew(folder: Path, models_dir: Path) -> None:
    async def use(repository: Repository) -> None:
        old = repository.versions("shade").pick()
        shutil.rmtree(folder / "shade" / "1")
        add(folder, models_dir, 1)
        await settle(repository)
        new = repository.versions("shade").pick()
        assert new is not old
        assert (new.state, old.state) == ("ready", "unloaded")

    follow(folder, use)


def test_an_operator_unloads_and_loads(folder: Path, models_dir: Path) -> None:
    async def use(repository: Repository) -> None:
        await repository.unload("shade")
        assert states(repository) == {1: "unloaded"}
        add(folder, models_dir, 2)
        await settle(repository)
        with pytest.raises(NotReady, match="unloaded"):
            await repository.bring("shade")
        await repository.load("shade")
        assert repository.versions("shade").pick().export.version == 2
        with pytest.raises(ModelNotFound):
            await repository.load("cat")
        with pytest.raises(ModelNotFound):
            await repository.unload("cat")

        goldens = golden_path(folder / "shade" / "2")
        kept = goldens.read_bytes()
        await repository.unload("shade")
        goldens.write_bytes(b"")
        shutil.rmtree(folder / "shade" / "1")
        await settle(repository)
        with pytest.raises(Conflict, match=r"'shade' cannot be loaded: golden\.npz"):
            await repository.load("shade")
        goldens.write_bytes(kept)
        await settle(repository)
        await repository.load("shade")
        assert states(repository) == {2: "ready"}

    follow(folder, use)


def test_lazy_models_load_at_their_first_request(folder: Path, models_dir: Path) -> None:
    add(folder, models_dir, 1, "other")
    golden_path(add(folder, models_dir, 2, "other")).unlink()

    async def use(repository: Repository) -> None:
        assert states(repository) == {1: "unloaded"}
        first, second = await asyncio.gather(repository.bring("shade"), repository.bring("shade"))
        assert first is second
        assert first.state == "ready"
        assert (await repository.bring("other")).export.version == 1, "version 2 is bad"
        assert states(repository, "other") == {2: "failed", 1: "ready"}
        add(folder, models_dir, 2)
        await settle(repository)
        assert states(repository) == {2: "ready"}, "proven before it takes over"

    follow(folder, use, loading="lazy")


def test_models_asked_longest_ago_give_way_under_a_budget(
    folder: Path, models_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each loaded model counts 10 MB here, the rest of the process nothing."""
    for name in ("b", "c", "d"):
        add(folder, models_dir, 1, name)
    live: list[Repository] = []

    def resident() -> int:
        return 10 * 2**20 * sum(model.state == "ready" for model in live[0].models)

    monkeypatch.setattr("service.machine.memory.resident_bytes", resident)

    async def use(repository: Repository) -> None:
        live.append(repository)
        seen: list[Model] = []
        for name in ("b", "c", "d", "b"):
            model = await repository.bring(name)
            model.hold()
            model.release()
            seen.append(model)
        held = await repository.bring("c")
        held.hold()
        await repository.bring("shade")
        await repository.bring("d")
        ready = {each.export.name for each in repository.models if each.state == "ready"}
        assert "c" in ready, "it is held"
        assert len(ready) <= 3
        held.release()
        evicted = next(each for each in repository.models if each.state == "unloaded")
        assert "evicted" in evicted.reason
        assert (await repository.bring(evicted.export.name)).state == "ready"

    follow(folder, use, memory_budget_mb=35)


def slowly(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Let every load take some time."""
    load = loading_goldens.load

    def slow(*of: Any) -> loading_goldens.Loaded:
        time.sleep(seconds)
        return load(*of)

    monkeypatch.setattr(loading_goldens, "load", slow)


async def leave_early(change: Coroutine[Any, Any, object]) -> None:
    """Ask for a change and hang up while it goes on."""
    asking = asyncio.create_task(change)
    await asyncio.sleep(0.1)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)


def test_a_change_goes_on_when_the_operator_hangs_up(
    folder: Path, models_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def use(repository: Repository) -> None:
        add(folder, models_dir, 2)
        add(folder, models_dir, 1, "z")
        slowly(monkeypatch, 0.3)
        await leave_early(repository.load("shade"))
        assert states(repository, "z") == {1: "loading"}, "it waits, and is not unknown"
        await settle(repository)
        assert states(repository) == {2: "ready"}, "the old version went"
        assert states(repository, "z") == {1: "ready"}
        model = repository.versions("shade").pick()
        model.hold()
        await leave_early(repository.unload("shade"))
        model.release()
        await repository.load("shade")
        assert states(repository) == {2: "ready"}

    follow(folder, use)


def test_a_caller_who_hangs_up_leaves_an_older_version_to_the_next(
    folder: Path, models_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    golden_path(add(folder, models_dir, 2)).unlink()

    async def use(repository: Repository) -> None:
        await leave_early(repository.bring("shade"))
        assert (await repository.bring("shade")).export.version == 1

    slowly(monkeypatch, 0.3)
    follow(folder, use, loading="lazy")


def test_what_is_unloaded_or_gone_while_it_loads_does_not_stay(
    folder: Path, models_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(folder, models_dir, 1, "z")
    slowly(monkeypatch, 0.3)

    async def use(repository: Repository) -> None:
        asking = asyncio.create_task(repository.bring("shade"))
        gone = repository.versions("z").pick()
        await leave_early(repository.bring("z"))
        shutil.rmtree(folder / "z")
        await repository.unload("shade")
        await asyncio.gather(asking, return_exceptions=True)
        assert states(repository) == {1: "unloaded"}
        with pytest.raises(NotReady, match="operator"):
            await repository.bring("shade")
        await settle(repository)
        while gone in repository.models:  # noqa: ASYNC110 — the whole test has a limit
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.4)
        assert gone.loaded is None

    follow(folder, use, loading="lazy")


def test_what_is_wrong_is_told_once(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    (folder / "no name" / "1").mkdir(parents=True)
    (folder / "no name" / "1" / "saved_model.pb").touch()

    async def use(repository: Repository) -> None:
        (folder / "models.yaml").write_text("models: 1")
        for _ in range(3):
            await repository.refresh()

    follow(folder, use)
    told = [record.getMessage() for record in caplog.records]
    assert sum("the plans stay" in each for each in told) == 1
    assert sum("no name is left out" in each for each in told) == 1
