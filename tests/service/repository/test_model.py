"""One model's life: loading, ready or failed, closed."""

from __future__ import annotations

import asyncio
import gc
import shutil
import threading
import weakref
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from service.errors import NotReady
from service.exports.folder import find
from service.loading import goldens
from service.manifest import Manifest, golden_path
from service.repository.model import Model
from service.settings import Settings
from tests.exports import write_foreign


def live(folder: Path, use: Callable[[Model], Awaitable[None]], **settings: Any) -> None:
    """Load the model in `folder`, use it and close it."""

    async def run() -> None:
        model = Model(find(folder), Settings(device="cpu", **settings))
        try:
            await model.load()
            await asyncio.wait_for(use(model), 60)
        finally:
            await model.unload("done")

    asyncio.run(run())


def image(shade: int) -> np.ndarray:
    return np.full((8, 8, 1), shade, np.uint8)


def test_a_model_is_ready_when_it_is_proven(models_dir: Path) -> None:
    async def use(model: Model) -> None:
        assert model.state == "ready"
        assert model.loaded is not None
        assert model.reason == f"{model.loaded.reason}; batches run on the event loop"
        assert model.ready_at is not None
        dark, light = await model.run("classify", [image(0), image(255)])
        assert dark.argmax() == 0
        assert light.argmax() == 2

    live(models_dir / "shade", use)


def test_before_it_is_loaded_it_says_so(models_dir: Path) -> None:
    model = Model(find(models_dir / "shade"), Settings())
    assert (model.state, model.loaded) == ("unloaded", None)
    assert model.manifest == Manifest.read(models_dir / "shade" / "1"), "what it promises is known"
    with pytest.raises(NotReady, match=r"'shade' is not ready \(unloaded\): not loaded yet"):
        model.ready_manifest()


def test_a_failure_is_a_state_with_its_reason(models_dir: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(models_dir / "shade", tmp_path / "shade")
    golden_path(folder / "1").unlink()

    async def use(model: Model) -> None:
        assert model.state == "failed"
        assert model.reason.startswith("golden.npz is missing")
        assert model.loaded is None
        with pytest.raises(NotReady, match=r"golden.npz is missing"):
            await model.run("classify", [image(0)])

    live(folder, use)


def test_an_unforeseen_failure_is_a_state_too(
    models_dir: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("by nought")

    monkeypatch.setattr(goldens, "load", broken)

    async def use(model: Model) -> None:
        assert (model.state, model.reason) == ("failed", "ZeroDivisionError: by nought")

    live(models_dir / "shade", use)
    assert "Traceback" in caplog.text


def test_closing_ends_its_threads_and_frees_its_memory(models_dir: Path) -> None:
    before = set(threading.enumerate())
    alive: list[weakref.ref[Any]] = []

    async def use(model: Model) -> None:
        await model.run("classify", [image(0)])
        assert model.loaded is not None
        alive.extend(weakref.ref(program["classify"]) for program in model.loaded.programs)

    live(models_dir / "shade", use, runtime="openvino")
    assert not [t for t in set(threading.enumerate()) - before if t.name.startswith("shade")]
    gc.collect()
    assert [reference() for reference in alive] == [None]


def test_a_closed_model_refuses(models_dir: Path) -> None:
    async def run() -> None:
        model = Model(find(models_dir / "shade"), Settings(device="cpu"))
        await model.load()
        await model.unload("done")
        with pytest.raises(NotReady, match="unloaded"):
            await model.run("classify", [image(0)])

    asyncio.run(run())


def test_what_waits_when_a_model_closes_is_answered(models_dir: Path) -> None:
    async def use(model: Model) -> None:
        waiting = [asyncio.create_task(model.run("classify", [image(255)] * 9)) for _ in range(9)]
        await asyncio.sleep(0)
        await model.unload("done")
        for answers in await asyncio.gather(*waiting):
            assert [answer.argmax() for answer in answers] == [2] * 9

    live(models_dir / "shade", use, max_batch_size=4)


def test_a_foreign_models_calls_are_never_merged(tmp_path: Path) -> None:
    write_foreign(tmp_path / "half" / "1")

    async def use(model: Model) -> None:
        calls = [
            model.run("serving_default", [{"x": np.full((rows, 2), rows, np.float32)}])
            for rows in range(5)
        ]
        for rows, [answer] in enumerate(await asyncio.gather(*calls)):
            np.testing.assert_array_equal(answer["y"], np.full((rows, 2), rows / 2 + 2))

    live(tmp_path / "half", use)
