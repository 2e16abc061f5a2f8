"""The models follow models.yaml: policies, labels, what is pinned, and changes by hand."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from service.errors import Conflict, InvalidPlan, LabelNotFound, NotReady, VersionNotFound
from service.manifest import golden_path
from service.repository.loader import Loader
from service.repository.model import Model
from service.repository.repository import Repository
from service.settings import Settings
from tests.service.repository.test_repository import add, follow, settle, states


@pytest.fixture
def folder(models_dir: Path, tmp_path: Path) -> Path:
    """A folder with one model in three versions."""
    for version in (1, 2, 3):
        add(tmp_path, models_dir, version)
    return tmp_path


def plan(folder: Path, **fields: Any) -> None:
    """Write models.yaml with a plan for the one model (JSON is YAML too)."""
    (folder / "models.yaml").write_text(json.dumps({"models": {"shade": fields}}))


def answering(repository: Repository, label: str | None = None) -> int:
    return repository.versions("shade").pick(label=label).export.version


def test_a_policy_says_which_versions_are_served(folder: Path) -> None:
    plan(folder, versions="latest 2")

    async def use(repository: Repository) -> None:
        assert states(repository) == {3: "ready", 2: "ready"}
        plan(folder, versions=[1, 2])
        await settle(repository)
        assert states(repository) == {2: "ready", 1: "ready"}
        plan(folder, versions="all")
        await settle(repository)
        assert states(repository) == {3: "ready", 2: "ready", 1: "ready"}
        plan(folder, versions=[9])
        await settle(repository)
        assert answering(repository) == 3, "what is not there does not take what is"
        (folder / "models.yaml").unlink()
        await settle(repository)
        assert states(repository) == {3: "ready"}

    follow(folder, use)


def test_a_bad_version_is_substituted_by_the_next_older(folder: Path) -> None:
    golden_path(folder / "shade" / "3").unlink()
    plan(folder, versions="latest 2")

    async def use(repository: Repository) -> None:
        assert states(repository) == {3: "failed", 2: "ready", 1: "ready"}

    follow(folder, use)


def test_a_labelled_version_is_kept_loaded_and_stable_answers(folder: Path) -> None:
    plan(folder, labels={"stable": 1, "canary": 2}, traffic={"canary": 0})

    async def use(repository: Repository) -> None:
        assert states(repository) == {3: "ready", 2: "ready", 1: "ready"}
        assert answering(repository) == answering(repository, "stable") == 1
        assert answering(repository, "canary") == 2
        with pytest.raises(LabelNotFound, match="no label 'dark'; it has: stable, canary"):
            repository.versions("shade").pick(label="dark")
        plan(folder, labels={"stable": 2})
        await settle(repository)
        assert answering(repository) == 2
        assert states(repository) == {3: "ready", 2: "ready"}

    follow(folder, use)


def test_a_label_moves_when_its_new_version_answers(folder: Path, models_dir: Path) -> None:
    golden_path(folder / "shade" / "3").unlink()
    plan(folder, labels={"stable": 1})

    async def use(repository: Repository) -> None:
        plan(folder, labels={"stable": 3})
        await settle(repository)
        assert answering(repository) == answering(repository, "stable") == 1
        assert states(repository) == {3: "failed", 2: "ready", 1: "ready"}
        shutil.rmtree(folder / "shade" / "3")
        await settle(repository)
        assert answering(repository) == 1
        add(folder, models_dir, 3)
        await settle(repository)
        assert answering(repository) == answering(repository, "stable") == 3
        assert states(repository) == {3: "ready"}

    follow(folder, use)


def test_a_label_of_nothing_leaves_the_newest_and_is_told(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    plan(folder, labels={"stable": 9})

    async def use(repository: Repository) -> None:
        assert answering(repository) == 3
        with pytest.raises(LabelNotFound, match="stands for version 9 of 'shade', which is not"):
            repository.versions("shade").pick(label="stable")

    follow(folder, use)
    assert "'stable' is planned for version 9, which is not in the folder" in caplog.text


def test_a_plan_for_a_model_that_is_not_there_is_told_once(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / "models.yaml").write_text("models: {shad: {pinned: true}}")

    async def use(repository: Repository) -> None:
        await settle(repository)
        assert caplog.text.count("not there: 'shad' (did you mean 'shade'?)") == 1

    follow(folder, use)


def test_a_file_that_is_wrong_changes_nothing(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    plan(folder, labels={"stable": 1})

    async def use(repository: Repository) -> None:
        (folder / "models.yaml").write_text("models:\n  shade:\n    labels: {stable: x}\n")
        await settle(repository)
        assert answering(repository, "stable") == 1
        assert "models.yaml:3: models.shade.labels.stable: got 'x'" in caplog.text

    follow(folder, use)
    with pytest.raises(InvalidPlan, match=r"models\.yaml:3"):
        follow(folder, use)


def test_what_is_pinned_is_loaded_though_the_others_are_lazy(folder: Path) -> None:
    plan(folder, pinned=True, labels={"old": 1})

    async def use(repository: Repository) -> None:
        assert states(repository) == {3: "ready", 1: "ready"}

    follow(folder, use, loading="lazy")


def test_lazy_labels_load_when_they_are_asked(folder: Path) -> None:
    golden_path(folder / "shade" / "2").unlink()
    plan(folder, labels={"stable": 1, "canary": 2}, traffic={"canary": "50%"})

    async def use(repository: Repository) -> None:
        assert states(repository) == {3: "unloaded", 2: "unloaded", 1: "unloaded"}
        assert (await repository.bring("shade", label="stable")).export.version == 1
        with pytest.raises(NotReady, match=r"golden\.npz"):
            await repository.bring("shade", label="canary")
        assert repository.versions("shade").choose("any") == "stable", "the canary is dead"

    follow(folder, use, loading="lazy")


def test_changes_by_hand_hold_until_the_file_says_something_else(
    folder: Path, models_dir: Path
) -> None:
    plan(folder, labels={"stable": 1})

    async def use(repository: Repository) -> None:
        await repository.change("shade", labels={"stable": 2})
        assert answering(repository, "stable") == 2
        add(folder, models_dir, 4)
        await settle(repository)
        assert answering(repository, "stable") == 2, "a new version is no other plan"
        plan(folder, labels={"stable": 3})
        await settle(repository)
        assert answering(repository, "stable") == 3

    follow(folder, use)


def test_a_change_that_cannot_be_made_changes_nothing(folder: Path) -> None:
    golden_path(folder / "shade" / "2").unlink()
    plan(folder, labels={"stable": 1})

    async def use(repository: Repository) -> None:
        with pytest.raises(Conflict, match=r"'stable' stays .* version 2 .* golden.npz"):
            await repository.change("shade", labels={"stable": 2})
        with pytest.raises(VersionNotFound, match="has no version 9; it has: 1, 2, 3"):
            await repository.change("shade", labels={"stable": 9})
        with pytest.raises(InvalidPlan, match="no label 'canary'"):
            await repository.change("shade", labels={"stable": 2}, traffic={"canary": "5%"})
        assert answering(repository, "stable") == 1
        assert repository.versions("shade").plan == repository.versions("shade").written

    follow(folder, use)


def test_a_rollback_stays_when_labels_move(folder: Path) -> None:
    plan(folder, labels={"stable": 1, "canary": 2}, traffic={"canary": "100%"})

    async def use(repository: Repository) -> None:
        versions = repository.versions("shade")
        assert versions.choose() == "canary"
        versions.roll_back("canary", "it is bad")
        assert versions.choose() == "stable"
        await repository.change("shade", labels={"stable": 3})
        assert (versions.choose(), versions.rollbacks) == ("stable", {"canary": "it is bad"})
        await repository.change("shade", traffic={"canary": "100%"})
        assert (versions.choose(), versions.rollbacks) == ("canary", {})

    follow(folder, use)


def test_at_the_start_nobody_answers_for_the_stable_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan(folder, labels={"stable": 1, "canary": 2}, traffic={"canary": "5%"}, versions="all")
    answered: list[int] = []

    publish = Loader.publish

    async def run() -> None:
        repository = Repository(Settings(models_dir=folder, device="cpu"))

        def watched(loader: Loader, model: Model) -> None:
            publish(loader, model)
            answered.append(repository.versions("shade").pick().export.version)

        monkeypatch.setattr(Loader, "publish", watched)
        await repository.start()
        await repository.load_all()
        assert len(repository.versions("shade").models) == 3
        assert set(answered) == {1}
        await repository.close()

    asyncio.run(run())
