"""The engine: which model answers, what it refuses, and that one request never harms another."""

from __future__ import annotations

import asyncio
import shutil
import threading
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from service.engine import classify as classifying
from service.engine.engine import Engine
from service.engine.infer import infer
from service.engine.inputs import Inputs
from service.engine.predictions import Prediction
from service.errors import (
    DeadlineExceeded,
    InputTooLarge,
    InvalidExport,
    InvalidImage,
    InvalidInput,
    ModelNotFound,
    NotReady,
    UnsupportedTask,
    VersionNotFound,
)
from service.preprocessing.image import EncodedImage
from service.repository.model_spec import ModelSpec
from service.settings import Settings
from tests.exports import write_classifier, write_foreign
from tests.images import DARK, LIGHT, image
from tests.slow import write_slow_classifier


@pytest.fixture(scope="module")
def mixed(models_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classifiers, a foreign model and one that cannot load."""
    folder = tmp_path_factory.mktemp("mixed")
    shutil.copytree(models_dir / "shade" / "1", folder / "shade" / "2")
    write_classifier(folder / "night" / "1", labels=("night", "day"), converted=False)
    write_foreign(folder / "half" / "1")
    (folder / "broken" / "1").mkdir(parents=True)
    (folder / "broken" / "1" / "saved_model.pb").write_bytes(b"nonsense")
    return folder


def serve(models: Path, use: Callable[[Engine], Awaitable[None]], **settings: Any) -> None:
    """Start an engine, wait until its models are loaded or failed, use and close it."""

    async def run() -> None:
        engine = Engine(Settings(models_dir=models, device="cpu", **settings))
        await engine.start()
        try:
            async with asyncio.timeout(60):
                while any(model.state == "loading" for model in engine.models):  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
                await use(engine)
        finally:
            await engine.close()

    asyncio.run(run())


_ANY = ModelSpec()


async def classify(
    engine: Engine, files: Sequence[bytes], spec: ModelSpec = _ANY, **options: Any
) -> list[list[Prediction]]:
    """Classify image files by the model of a spec, or by the only one that can."""
    with await engine.repository.lease(spec, "classify") as lease:
        return await classifying.classify(engine, lease, Inputs(files, "images"), **options)


async def leased(engine: Engine, spec: ModelSpec) -> tuple[str, int]:
    """The model and the version that answer a spec."""
    with await engine.repository.lease(spec, "classify") as lease:
        return lease.model.export.name, lease.model.export.version


def test_images_come_back_as_labels_in_their_order(models_dir: Path) -> None:
    async def use(engine: Engine) -> None:
        large = image(128, (300, 200))
        answer = await classify(engine, [LIGHT, large, DARK], top_k=2)
        assert [row[0].label for row in answer] == ["light", "middle", "dark"]
        for row in answer:
            assert len(row) == 2
            assert row[0].score >= row[1].score
        assert await leased(engine, ModelSpec()) == ("shade", 1)

    serve(models_dir, use)


def test_a_model_that_fails_leaves_the_others_serving(mixed: Path) -> None:
    async def use(engine: Engine) -> None:
        states = {model.export.name: model.state for model in engine.models}
        assert states == {"broken": "failed", "half": "ready", "night": "ready", "shade": "ready"}
        assert list(engine.missing()) == ["broken"]
        assert "TensorFlow cannot load the SavedModel" in engine.missing()["broken"]
        answer = await classify(engine, [DARK], ModelSpec("night"))
        assert answer[0][0].label == "night"
        with pytest.raises(NotReady, match="'broken' is not ready"):
            await classify(engine, [DARK], ModelSpec("broken"))

        with pytest.raises(InvalidInput, match="name one in 'model': night, shade") as choice:
            await classify(engine, [DARK])
        assert choice.value.param == "model"
        with pytest.raises(ModelNotFound, match="no model 'cat'; there are: broken, half, night"):
            await classify(engine, [DARK], ModelSpec("cat"))
        with pytest.raises(VersionNotFound, match="'shade' is served in version 2, not 1"):
            await classify(engine, [DARK], ModelSpec("shade", 1))
        assert len(await classify(engine, [DARK], ModelSpec("shade", 2))) == 1
        assert await leased(engine, ModelSpec("shade", 2)) == ("shade", 2)
        with pytest.raises(UnsupportedTask, match="'half' does not classify; it does: infer"):
            await classify(engine, [DARK], ModelSpec("half"))

    serve(mixed, use)


def test_tensors_go_in_and_come_out(mixed: Path) -> None:
    async def use(engine: Engine) -> None:
        inputs = {"x": np.array([[2, 4]], np.float32)}
        with await engine.repository.lease(
            ModelSpec(), "infer"
        ) as lease:  # the only one that takes tensors
            assert (lease.model.export.name, lease.model.export.version) == ("half", 1)
            for signature in (None, "", "serving_default"):
                answer = await infer(engine, lease, inputs, signature=signature)
                np.testing.assert_array_equal(answer["y"], [[3, 4]])
            assert (await infer(engine, lease, inputs, outputs=["y"])).keys() == {"y"}
            with pytest.raises(InvalidInput, match="the tensors are x; got y"):
                await infer(engine, lease, {"y": np.ones(1)})
            with pytest.raises(InvalidInput, match=r"no signature 'other'; it has: serving_def"):
                await infer(engine, lease, inputs, signature="other")
            with pytest.raises(InvalidInput, match=r"no output 'z'; .* has: y"):
                await infer(engine, lease, inputs, outputs=["z"])

    serve(mixed, use)


def test_pixels_as_tensors_join_the_batches_of_images(models_dir: Path) -> None:
    async def use(engine: Engine) -> None:
        pixels = np.zeros((40, 8, 8, 1), np.uint8)  # more than one batch
        pixels[1::2] = 255
        with await engine.repository.lease(ModelSpec("shade")) as lease:
            answer = (await infer(engine, lease, {"images": pixels}))["probabilities"]
            none = (await infer(engine, lease, {"images": pixels[:0]}))["probabilities"]
            with pytest.raises(InputTooLarge, match="65 rows; at most MAX_QUEUE=64"):
                await infer(engine, lease, {"images": np.zeros((65, 8, 8, 1), np.uint8)})
            with pytest.raises(InvalidInput, match=r"'images' is uint8 .*; got float32"):
                await infer(engine, lease, {"images": pixels.astype(np.float32)})
        assert answer.shape == (40, 3)
        assert none.shape == (0, 3)
        assert answer.argmax(1).tolist() == [0, 2] * 20

    serve(models_dir, use, max_queue=64)


def test_required_models_are_those_that_readiness_waits_for(mixed: Path) -> None:
    async def use(engine: Engine) -> None:
        assert list(engine.missing()) == ["cat"]
        assert "not found in" in engine.missing()["cat"]

    serve(mixed, use, required_models=("shade", "cat"))


def test_limits_are_refused_with_their_numbers(models_dir: Path) -> None:
    async def use(engine: Engine) -> None:
        with pytest.raises(InvalidInput, match="no image"):
            await classify(engine, [])
        with pytest.raises(InputTooLarge, match=r"4 images.* 3 "):
            await classify(engine, [DARK] * 4)
        for top_k in (0, -1, 6):
            with pytest.raises(InvalidInput, match=rf"top_k.* 1 .*5.* {top_k}"):
                await classify(engine, [DARK], top_k=top_k)
        with pytest.raises(InputTooLarge, match=r"images\[1\]: .*pixels") as caught:
            await classify(engine, [DARK, image(0, (101, 100))])
        assert caught.value.param == "images[1]"

    serve(models_dir, use, max_images=3, max_top_k=5, max_image_pixels=10_000)


@pytest.mark.parametrize(
    "broken",
    [b"no image", LIGHT[:-30], image(9, (400, 300))[:-50]],
    ids=["nonsense", "small and cut", "large and cut"],
)
def test_an_image_that_cannot_be_decoded_is_named(models_dir: Path, broken: bytes) -> None:
    async def use(engine: Engine) -> None:
        good = asyncio.gather(*(classify(engine, [DARK, LIGHT]) for _ in range(20)))
        with pytest.raises(InvalidInput, match=r"images\[2\]: ") as caught:
            await classify(engine, [DARK, LIGHT, broken])
        assert isinstance(caught.value, InvalidImage) or broken == b"no image"
        assert caught.value.param == "images[2]"
        for answer in await good:
            assert [row[0].label for row in answer] == ["dark", "light"]

    serve(models_dir, use)


def test_large_images_are_decoded_off_the_event_loop(
    models_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    homes: dict[int, str] = {}
    plain = EncodedImage.decode

    def recorded(self: EncodedImage, spec: Any) -> Any:
        homes[self.pixels] = threading.current_thread().name
        return plain(self, spec)

    monkeypatch.setattr(EncodedImage, "decode", recorded)

    async def use(engine: Engine) -> None:
        await classify(engine, [DARK])
        await classify(engine, [image(1, (640, 480))])

    serve(models_dir, use)
    assert homes[28 * 28] == threading.current_thread().name
    assert homes[640 * 480].startswith("decode")


def test_a_deadline_that_passes_frees_the_queue(tmp_path: Path) -> None:
    write_slow_classifier(tmp_path / "slow" / "1", seconds=0.3)

    async def use(engine: Engine) -> None:
        first = asyncio.create_task(classify(engine, [DARK]))
        await asyncio.sleep(0.05)
        late = [asyncio.create_task(classify(engine, [LIGHT] * 4)) for _ in range(2)]
        outcomes = await asyncio.gather(first, *late, return_exceptions=True)
        for outcome in outcomes:
            assert isinstance(outcome, DeadlineExceeded)
            assert "no answer within 0.15 s" in outcome.message
        again = asyncio.create_task(classify(engine, [LIGHT] * 8))  # all the room there is
        with pytest.raises(DeadlineExceeded):  # and not Overloaded
            await again

    serve(tmp_path, use, request_timeout_s=0.15, max_queue=8, max_images=8, max_batch_size=1)


def test_a_closed_engine_refuses_and_says_so_to_probes(models_dir: Path) -> None:
    async def run() -> None:
        before = set(threading.enumerate())
        engine = Engine(Settings(models_dir=models_dir, device="cpu"))
        await engine.start()
        assert "loading" in engine.missing()["shade"]
        with pytest.raises(NotReady, match=r"'shade' is not ready \(loading\)"):
            await classify(engine, [DARK])
        await engine.close()
        assert engine.missing() == {"*": "the service is shutting down"}
        with pytest.raises(NotReady, match="shutting down"):
            await classify(engine, [DARK])
        left = [thread.name for thread in set(threading.enumerate()) - before]
        assert not [name for name in left if name.startswith(("shade", "decode"))]

    asyncio.run(run())


def test_a_folder_of_models_that_is_not_there_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(InvalidExport, match="is not a folder"):
        asyncio.run(Engine(Settings(models_dir=tmp_path / "nowhere")).start())


def test_an_empty_folder_is_ready_for_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def use(engine: Engine) -> None:
        assert "there are no models in" in engine.missing()["*"]
        with pytest.raises(NotReady, match="there are: none at all"):
            await classify(engine, [DARK])
        with pytest.raises(ModelNotFound, match="there are: none at all"):
            await classify(engine, [DARK], ModelSpec("shade"))

    serve(tmp_path, use)
    assert "there are no models in" in caplog.text
