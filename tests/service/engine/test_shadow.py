"""Shadows that fail, hang or are busy: counted, told once, and nothing to the callers."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest

from service.engine.engine import Engine
from service.engine.infer import infer
from service.repository.model_spec import ModelSpec
from service.settings import Settings
from tests.service.repository.test_repository import add

_PLAN = "models: {shade: {labels: {stable: 1, dark: 2}, shadow: dark}}"


@pytest.fixture
def folder(models_dir: Path, tmp_path: Path) -> Path:
    """A model of two versions, the second the shadow of the first."""
    for version in (1, 2):
        add(tmp_path, models_dir, version)
    (tmp_path / "models.yaml").write_text(_PLAN)
    return tmp_path


def test_a_shadow_in_trouble_is_counted_and_nobody_waits_for_it(
    folder: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = {"images": np.zeros((1, 8, 8, 1), np.uint8)}

    async def use(engine: Engine) -> None:
        versions = engine.repository.versions("shade")
        dark = versions.pick(label="dark")
        run, hang = dark.run, asyncio.Event()

        async def ask(times: int) -> None:
            for _ in range(times):
                with await engine.repository.lease(ModelSpec("shade")) as lease:
                    await infer(engine, lease, pixels)
                    assert lease.model.export.version == 1

        async def hanging(*asked: object) -> list[object]:
            await hang.wait()
            raise RuntimeError("the shadow is no more")

        monkeypatch.setattr(dark, "run", hanging)
        await asyncio.wait_for(ask(20), 5)
        comparison = versions.traffic.comparison
        assert (comparison.dropped, comparison.failed, comparison.compared) == (4, 0, 0)
        hang.set()
        await asyncio.sleep(0.1)
        assert (comparison.dropped, comparison.failed, comparison.compared) == (4, 16, 0)
        assert caplog.text.count("shade: the shadow fails: the shadow is no more") == 1
        assert not dark.is_held
        monkeypatch.setattr(dark, "run", run)
        await ask(2)
        await asyncio.sleep(0.1)
        assert (comparison.compared, comparison.different) == (2, 0)
        hang.clear()
        monkeypatch.setattr(dark, "run", hanging)
        await ask(3)  # and the service stops while it hangs

    async def run() -> None:
        engine = Engine(Settings(models_dir=folder, device="cpu"))
        await engine.start()
        while engine.missing():  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        while len(engine.repository.versions("shade").labels) < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        try:
            await asyncio.wait_for(use(engine), 60)
        finally:
            await asyncio.wait_for(engine.close(), 10)

    asyncio.run(run())
