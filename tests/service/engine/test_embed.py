"""Vectors of texts and images, in any mixture, and of how many dimensions."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from service.engine import embed as embedding
from service.engine.concurrency import both
from service.engine.engine import Engine
from service.engine.infer import infer
from service.engine.inputs import Input, Inputs
from service.engine.vectors import Vectors
from service.errors import (
    InputTooLarge,
    InvalidExport,
    InvalidImage,
    InvalidInput,
    ServiceError,
    UnsupportedTask,
)
from service.exports.folder import find
from service.loading.goldens import load
from service.manifest import Embeddings, Manifest
from service.repository.lease import Lease
from service.repository.model_spec import ModelSpec
from service.settings import RunOptions
from tests.exports_encoder import COLOURS, WORDS, write_encoder
from tests.images import encode
from tests.service.engine.test_engine import serve

RED, GREEN, BLUE = (
    encode(np.full((40, 30, 3), COLOURS[name], np.uint8)) for name in ("red", "green", "blue")
)


async def embed(engine: Engine, lease: Lease, inputs: Sequence[Input], **options: Any) -> Vectors:
    """The embeddings of inputs that stand in the field `input`."""
    return await embedding.embed(engine, lease, Inputs(inputs), **options)


def test_images_and_texts_come_back_in_their_order(colours_dir: Path) -> None:
    async def use(engine: Engine) -> None:
        inputs: list[Input] = ["blue", RED, "a photo of the green", "red", GREEN, BLUE]
        with await engine.repository.lease(ModelSpec(), "embed") as lease:
            vectors = await embed(engine, lease, inputs)
        assert vectors.rows.shape == (6, 8)
        assert vectors.rows.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(vectors.rows, axis=1), 1, atol=1e-6)
        assert vectors.tokens == [3, 0, 7, 3, 0, 0]
        cosines = vectors.rows @ vectors.rows.T
        np.fill_diagonal(cosines, -1)
        assert cosines.argmax(axis=1).tolist() == [5, 3, 4, 1, 2, 0], "each beside its colour"

    serve(colours_dir, use)


def test_thousands_of_texts_are_answered_as_each_alone(colours_dir: Path) -> None:
    random = np.random.default_rng(7)
    texts = [" ".join(random.choice(WORDS[4:], random.integers(1, 15))) for _ in range(2048)]

    async def use(engine: Engine) -> None:
        with await engine.repository.lease(ModelSpec("colours")) as lease:
            together = await embed(engine, lease, texts)
            for index in (0, 1, 777, 2047):
                alone = await embed(engine, lease, [texts[index]])
                np.testing.assert_allclose(together.rows[index], alone.rows[0], atol=1e-6)
                assert together.tokens[index] == alone.tokens[0] == len(texts[index].split()) + 2
            with pytest.raises(InputTooLarge, match=r"has 2049 texts; at most 2048 are taken"):
                await embed(engine, lease, [*texts, "red"])

    serve(colours_dir, use)


@pytest.mark.parametrize(
    ("inputs", "kind", "reason", "param"),
    [
        ([], InvalidInput, "no input", "input"),
        (["red", ""], InvalidInput, r"input\[1\]: the text is empty", "input[1]"),
        (["\ud800"], InvalidInput, r"input\[0\]: the text is not Unicode", "input[0]"),
        (["red", "red " * 99], InvalidInput, r"input\[1\]: the text has 101 tokens", "input[1]"),
        (["red", b"no image"], InvalidImage, r"input\[1\]: ", "input[1]"),
        ([RED, RED[:60]], InvalidImage, r"input\[1\]: ", "input[1]"),
        ([np.array([99], np.int32)], InvalidInput, r"input\[0\]: the tokens", "input[0]"),
        ([RED] * 65, InputTooLarge, "65 images; at most 64", "input"),
    ],
)
def test_what_cannot_be_embedded_is_named(
    colours_dir: Path, inputs: list[Any], kind: type[ServiceError], reason: str, param: str
) -> None:
    async def use(engine: Engine) -> None:
        with await engine.repository.lease(ModelSpec("colours")) as lease:
            with pytest.raises(kind, match=reason) as caught:
                await embed(engine, lease, inputs)
            assert caught.value.param == param

    serve(colours_dir, use)


def test_a_prompt_tells_what_a_text_is_for(colours_dir: Path) -> None:
    async def use(engine: Engine) -> None:
        with await engine.repository.lease(ModelSpec("colours")) as lease:
            asked = await embed(engine, lease, ["red"], purpose="query")
            written = await embed(engine, lease, ["the query red"])
            kept = await embed(engine, lease, ["red"], purpose="document")
            assert asked.tokens == written.tokens == [5]
            np.testing.assert_array_equal(asked.rows, written.rows)
            assert kept.tokens == [3], "the manifest has no prompt for documents"
            with pytest.raises(InvalidInput, match="is empty"):
                await embed(engine, lease, [""], purpose="query")

    serve(colours_dir, use)


def test_vectors_are_cut_where_the_manifest_says_that_they_bear_it(colours_dir: Path) -> None:
    async def use(engine: Engine) -> None:
        with await engine.repository.lease(ModelSpec("colours")) as lease:
            whole = await embed(engine, lease, ["red", GREEN])
            short = await embed(engine, lease, ["red", GREEN], dimensions=5)
            lengths = np.linalg.norm(whole.rows[:, :5], axis=1, keepdims=True)
            np.testing.assert_allclose(short.rows, whole.rows[:, :5] / lengths, atol=1e-6)
            same = await embed(engine, lease, ["red", GREEN], dimensions=8)
            np.testing.assert_array_equal(same.rows, whole.rows)
            for dimensions in (3, 9, 0, -1):
                with pytest.raises(InvalidInput, match=f"from 4 to 8 .* got {dimensions}$"):
                    await embed(engine, lease, ["red"], dimensions=dimensions)

    serve(colours_dir, use)


def test_vectors_that_do_not_bear_it_are_not_cut(tmp_path: Path) -> None:
    manifest = write_encoder(tmp_path, embeddings=Embeddings(), converted=False)
    embedding.check_dimensions(manifest, 8)
    with pytest.raises(InvalidInput, match="8 dimensions and cannot be shortened; got 4"):
        embedding.check_dimensions(manifest, 4)


def test_a_model_of_one_modality_refuses_the_other(tmp_path: Path, models_dir: Path) -> None:
    write_encoder(tmp_path / "words" / "1", modalities=("text",), masked=False)
    write_encoder(tmp_path / "sights" / "1", modalities=("image",))
    shutil.copytree(models_dir / "shade", tmp_path / "shade")

    async def use(engine: Engine) -> None:
        with await engine.repository.lease(ModelSpec("words")) as lease:
            assert (await embed(engine, lease, ["red"])).rows.shape == (1, 8)
            with pytest.raises(
                UnsupportedTask, match=r"input\[1\] is not what 'words' .* is texts"
            ):
                await embed(engine, lease, ["red", RED])
        with await engine.repository.lease(ModelSpec("sights")) as lease:
            assert (await embed(engine, lease, [RED])).tokens == [0]
            with pytest.raises(UnsupportedTask, match=r"input\[0\] is not what 'sights'"):
                await embed(engine, lease, ["red"])
        reason = "'shade' makes no embeddings; it does: class"
        refused = pytest.raises(UnsupportedTask, match=reason)
        with await engine.repository.lease(ModelSpec("shade")) as lease, refused:
            await embed(engine, lease, ["red"])
        with pytest.raises(InvalidInput, match=r"several models can embed.*: sights, words"):
            await engine.repository.lease(ModelSpec(), "embed")

    serve(tmp_path, use)


def test_tokens_and_pixels_are_taken_as_tensors_too(colours_dir: Path) -> None:
    tokens = np.array([[2, 4, 3, 0], [2, 10, 6, 3]], np.int32)
    mask = (tokens != 0).astype(np.int32)

    async def use(engine: Engine) -> None:
        with await engine.repository.lease(ModelSpec("colours")) as lease:
            said = await embed(engine, lease, ["red", "a blue", GREEN])
            texts = await infer(
                engine, lease, {"tokens": tokens, "mask": mask}, signature="embed_text"
            )
            np.testing.assert_allclose(texts["embeddings"], said.rows[:2], atol=1e-6)
            pixels = np.full((1, 8, 8, 3), COLOURS["green"], np.uint8)
            seen = await infer(engine, lease, {"images": pixels}, signature="embed_image")
            np.testing.assert_allclose(seen["embeddings"], said.rows[2:], atol=1e-6)
            nothing = {"tokens": tokens[:0], "mask": mask[:0]}
            empty = await infer(engine, lease, nothing, signature="embed_text")
            assert empty["embeddings"].shape == (0, 8)

    serve(colours_dir, use)


@pytest.mark.parametrize(
    ("tokens", "mask", "reason"),
    [
        ([[2, 4, 3]], [[0, 1, 1]], "mask is 1 at a text's tokens"),
        ([[2, 4, 3]], [[0, 0, 0]], "mask is 1 at a text's tokens"),
        ([[2, 4, 3]], [[1, 1]], r"the shape of tokens, \[1, 3\]; got \[1, 2\]"),
        ([[]], [[]], "the texts have no tokens"),
        ([[2] * 17], [[1] * 17], "texts of 16 tokens; got 17"),
    ],
)
def test_tensors_that_are_no_texts_are_refused(
    colours_dir: Path, tokens: list[list[int]], mask: list[list[int]], reason: str
) -> None:
    inputs = {"tokens": np.array(tokens, np.int32), "mask": np.array(mask, np.int32)}

    async def use(engine: Engine) -> None:
        with (
            await engine.repository.lease(ModelSpec("colours")) as lease,
            pytest.raises(InvalidInput, match=reason),
        ):
            await infer(engine, lease, inputs, signature="embed_text")

    serve(colours_dir, use)


def test_an_export_without_its_tokenizer_is_not_served(colours_dir: Path, tmp_path: Path) -> None:
    export = Path(shutil.copytree(colours_dir / "colours" / "1", tmp_path / "colours" / "1"))
    (export / "assets.extra" / "tokenizer.json").unlink()
    with pytest.raises(InvalidExport, match=r"tokenizer\.json, .* cannot be read"):
        load(find(export), RunOptions(device="cpu"))


def test_tensorflow_gives_the_same_vectors(colours_dir: Path) -> None:
    found: list[np.ndarray] = []

    async def use(engine: Engine) -> None:
        with await engine.repository.lease(ModelSpec("colours")) as lease:
            found.append((await embed(engine, lease, ["red", BLUE, "a photo of green"])).rows)

    serve(colours_dir, use)
    serve(colours_dir, use, runtime="tensorflow")
    np.testing.assert_allclose(found[0], found[1], atol=1e-5)


def test_a_shadow_is_asked_the_same(tmp_path: Path) -> None:
    write_encoder(tmp_path / "colours" / "1")
    write_encoder(tmp_path / "colours" / "2", turned=True)
    plan = "models:\n  colours:\n    versions: all\n    labels: {old: 1, new: 2}\n"
    plan += "    shadow: new\n"
    (tmp_path / "models.yaml").write_text(plan)

    async def use(engine: Engine) -> None:
        async with asyncio.timeout(30):  # a shadow that still loads is not asked
            while any(model.state != "ready" for model in engine.models):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        with await engine.repository.lease(ModelSpec("colours")) as lease:
            await embed(engine, lease, ["red", GREEN])
        comparison = engine.repository.versions("colours").traffic.comparison
        async with asyncio.timeout(10):
            while not comparison.compared + comparison.failed:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert (comparison.compared, comparison.different, comparison.failed) == (1, 1, 0)

    serve(tmp_path, use)


def test_the_manifest_says_what_embeds(tmp_path: Path) -> None:
    manifest = write_encoder(tmp_path, converted=False)
    assert manifest.encoders == {"text": "embed_text", "image": "embed_image"}
    assert (manifest.width, manifest.tasks) == (8, ("embed",))
    assert Manifest.read(tmp_path) == manifest


async def _given(value: int) -> int:
    await asyncio.sleep(0)
    return value


async def _refused() -> int:
    await asyncio.sleep(0)
    raise InvalidInput("no")


class _Endless:
    """Work that says when it began and when it ended."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.ended = asyncio.Event()

    async def __call__(self) -> None:
        self.begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.ended.set()


def test_both_give_what_each_gives() -> None:
    async def ask() -> tuple[int, int]:
        return await both(_given(1), _given(2))

    assert asyncio.run(ask()) == (1, 2)


def test_nothing_goes_on_once_one_of_both_has_failed() -> None:
    other = _Endless()

    async def ask() -> None:
        with pytest.raises(InvalidInput):
            await both(_refused(), other())
        assert other.ended.is_set()

    asyncio.run(ask())


def test_nothing_goes_on_once_the_caller_has_hung_up() -> None:
    one, other = _Endless(), _Endless()

    async def ask() -> None:
        asked = asyncio.ensure_future(both(one(), other()))
        await one.begun.wait()
        await other.begun.wait()
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        assert one.ended.is_set()
        assert other.ended.is_set()

    asyncio.run(ask())
