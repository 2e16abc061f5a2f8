"""The background work goes on, whatever happens to it."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

from service.exports import watcher
from service.repository.repository import Repository
from service.repository.sync import ModelSync
from service.settings import Settings


def test_what_nobody_foresaw_ends_neither_the_start_nor_the_watch(
    models_dir: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    shutil.copytree(models_dir / "shade", tmp_path / "shade")
    begun: list[int] = []
    plain = watcher.changes

    async def failing(*given: Any) -> AsyncGenerator[None]:
        begun.append(1)
        if len(begun) == 1:
            raise RuntimeError("the watch is broken")
        async for change in plain(*given):
            yield change

    async def no_load(self: Repository) -> None:
        raise RuntimeError("the load is broken")

    monkeypatch.setattr(watcher, "changes", failing)
    monkeypatch.setattr("service.repository.sync._FETCH_AGAIN_S", 0.1)
    monkeypatch.setattr(Repository, "load_all", no_load)

    async def run() -> None:
        settings = Settings(models_dir=tmp_path, device="cpu")
        repository = Repository(settings)
        sync = ModelSync(repository, settings)
        await sync.start()
        try:
            shutil.copytree(tmp_path / "shade", tmp_path / "other")
            async with asyncio.timeout(20):
                while "other" not in repository.all_versions:  # noqa: ASYNC110 — no event tells it
                    await asyncio.sleep(0.05)
        finally:
            await sync.close()
            await repository.close()

    asyncio.run(run())
    assert "the models could not all be loaded" in caplog.text
    assert "the watch is broken" in caplog.text
    assert len(begun) == 2
