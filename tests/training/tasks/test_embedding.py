"""A run on a tiny data set: what a batch holds, what is measured, what the export promises."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from service.manifest import Manifest
from service.preprocessing.tokenizer import Tokenizer
from tests.training.emoji_drawings import COUNT, write_emoji
from training.datasets import emoji
from training.errors import DatasetError
from training.recipes import emoji_clip
from training.running.evaluate import evaluate
from training.running.run import Result, run
from training.tasks.embedding import Embedding

RECIPE = dataclasses.replace(
    emoji_clip.RECIPE,
    name="tiny-emoji",
    arguments={"embedding_dim": 16},
    task_arguments={"held_out": "noto", "vocabulary_size": 300, "num_captions": 4},
    epochs=2,
    batch_size=4,
)


@pytest.fixture(scope="module")
def datasets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a tiny data set, which the setting names."""
    root = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATASETS_DIR", str(root))
        write_emoji(root)
        yield root


@pytest.fixture(scope="module")
def result(datasets: Path) -> Result:
    """A short run, its export left unproven: `test_export` proves one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("training.exporting.export.prove", lambda folder: None)
        return run(RECIPE, models_dir=datasets / "m", runs_dir=datasets / "r", verbose=False)


def test_a_batch_tells_what_belongs_together(datasets: Path) -> None:
    task = Embedding(RECIPE, emoji.load(), held_out="noto", vocabulary_size=300, num_captions=4)
    assert task.steps == COUNT // 4
    inputs, positives = next(iter(task.training_batches(lambda: 0)))
    assert inputs["images"].shape == (8, 64, 64, 3)
    assert inputs["tokens"].shape[0] == 8
    found = {name: tuple(each.shape) for name, each in positives.items()}
    assert found == {"pairs": (8, 8), "images": (8, COUNT), "texts": (8, COUNT)}
    names, captions = np.split(positives["pairs"].numpy(), 2, axis=1)
    np.testing.assert_array_equal(names, np.repeat(np.eye(4), 2, axis=0))
    assert (captions * names == names).all()  # a concept's own caption is true of it
    np.testing.assert_array_equal(np.sum(positives["images"], axis=1), 1)
    concepts = np.argmax(positives["images"], axis=1)
    np.testing.assert_array_equal(concepts[::2], concepts[1::2])
    pairs = np.asarray(positives["images"]) @ np.transpose(positives["texts"])
    np.testing.assert_array_equal(positives["pairs"], pairs)
    tokens = task.captions.names[concepts[::2]]
    width = min(tokens.shape[1], inputs["tokens"].shape[1])
    np.testing.assert_array_equal(inputs["tokens"][:4, :width], tokens[:, :width])
    assert all(np.isfinite(each).all() for each in task.build()(inputs).values())


def test_no_drawing_of_the_vendor_held_out_is_learnt_from(datasets: Path) -> None:
    dataset = emoji.load()
    dataset.images["noto"][:] = 7
    task = Embedding(RECIPE, dataset, held_out="noto", vocabulary_size=300)
    (images, _), (tested, concepts) = task.train, task.validation
    assert images.shape == (COUNT, 2, 64, 64, 3)
    assert not (images == 7).all(axis=(2, 3, 4)).any()
    assert (tested == 7).all()
    np.testing.assert_array_equal(concepts, dataset.test)
    # where Fluent drew nothing, Twemoji's drawing stands in
    np.testing.assert_array_equal(images[-1, 0], images[-1, 1])
    with pytest.raises(DatasetError, match="one of noto, twemoji, fluent3d; got 'apple'"):
        Embedding(RECIPE, dataset, held_out="apple")


def test_without_a_vendor_held_out_texts_alone_are_tested(datasets: Path) -> None:
    task = Embedding(RECIPE, emoji.load(), vocabulary_size=300)
    assert task.train[0].shape[1] == 3

    def embed(**inputs: np.ndarray) -> dict[str, np.ndarray]:
        (rows,) = inputs.values()
        return {"embeddings": np.eye(len(rows), COUNT - 1, dtype=np.float32)}

    measures = task.remeasure({"embed_image": embed, "embed_text": embed})
    assert all(name.startswith("test_keyword_to_image") for name in measures)


def test_the_export_embeds_both_and_carries_its_tokenizer(result: Result) -> None:
    manifest = Manifest.read(result.export)
    assert set(manifest.signatures) == {"embed_image", "embed_text"}
    assert manifest.image is not None
    assert (manifest.image.fit, manifest.image.padding) == ("pad", 255)
    assert manifest.metrics["test_name_to_image_recall_at_10"] <= 1
    loaded = tf.saved_model.load(str(result.export)).signatures
    assert manifest.encoders.keys() == {"image", "text"}
    assert manifest.text is not None
    assert manifest.text.max_length == 32
    assert manifest.embeddings is not None
    assert manifest.embeddings.normalized
    assert 0.01 <= (manifest.embeddings.temperature or 0) <= 0.1
    (first, second) = Tokenizer.read(result.export, manifest.text).encode(["bar 3", "something"])
    assert isinstance(first, np.ndarray)
    assert isinstance(second, np.ndarray)
    tokens = np.zeros((2, max(len(first), len(second))), np.int32)
    tokens[0, : len(first)], tokens[1, : len(second)] = first, second
    texts = loaded["embed_text"](tokens=tf.constant(tokens))["embeddings"]
    images = loaded["embed_image"](images=np.zeros((3, 64, 64, 3), np.uint8))["embeddings"]
    for vectors, rows in ((texts, 2), (images, 3)):
        assert vectors.shape == (rows, 16)
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)


def test_what_was_measured_can_be_measured_again(
    result: Result, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.running.evaluate._recipe", lambda *_: RECIPE)
    measures = evaluate(result.export)
    assert len(measures) == 9
    assert all(measure.holds for measure in measures)
    lines = (result.folder / "retrieved.tsv").read_text(encoding="utf-8").splitlines()
    assert len(lines) == COUNT - 1
    assert all(len(line.split("\t")) == 6 for line in lines)
