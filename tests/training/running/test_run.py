"""A run goes from the data set to an export and figures, and leaves nothing half-made."""

from __future__ import annotations

import csv
import dataclasses
import errno
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from service.manifest import Manifest, golden_path, keras_path
from tests.training.conftest import write_digits
from training.errors import ExportError, TrainingFailed, UsageError
from training.recipe import Recipe
from training.running.run import Result, _file_away, _validated, run

RECIPE = Recipe(
    name="tiny-bars",
    description="Tells rows of light.",
    dataset="mnist",
    architecture="mlp",
    arguments={"hidden_dims": (8,)},
    fit="mnist",
    epochs=2,
    batch_size=16,
    learning_rate=0.01,
    validation_fraction=0.25,
    averaging=0.5,
    noise=5,
    precision="mixed_bfloat16",
)


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Result]:
    """A run of two epochs, its export left unproven: `test_export` proves one."""
    root = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATASETS_DIR", str(root))
        patch.setattr("training.exporting.export.prove", lambda folder: None)
        write_digits(root / "mnist.npz")
        yield run(RECIPE, models_dir=root / "models", runs_dir=root / "runs", verbose=False)


def test_the_export_says_how_it_was_made(result: Result) -> None:
    assert result.export.parts[-3:] == ("models", "tiny-bars", "1")
    manifest = Manifest.read(result.export)
    assert manifest.labels == tuple("0123456789")
    assert manifest.image is not None
    assert manifest.image.fit == "mnist"
    assert manifest.description == "Tells rows of light."
    assert manifest.metrics == result.metrics
    assert manifest.provenance["recipe"] == "tiny-bars"
    assert manifest.provenance["batch_size"] == 16
    assert manifest.provenance["keras"] == keras.__version__


def test_history_settings_and_figures_stand_beside_the_run(result: Result) -> None:
    assert result.folder.parts[-3:] == ("runs", "tiny-bars", "1")
    with (result.folder / "history.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert {"loss", "accuracy", "val_loss", "val_accuracy", "learning_rate"} <= set(rows[0])
    assert [path.name for path in sorted((result.folder / "tensorboard").iterdir())] == [
        "train",
        "validation",
    ]
    settings = json.loads((result.folder / "settings.json").read_text(encoding="utf-8"))
    assert settings["knobs"]["epochs"] == 2
    assert settings["metrics"] == dict(result.metrics)
    for figure in ("loss", "accuracy", "confusion", "mistakes"):
        assert (result.folder / f"{figure}.png").stat().st_size > 5_000


def test_the_test_accuracy_is_that_of_the_exported_model(result: Result) -> None:
    model = keras.models.load_model(keras_path(result.export))
    assert not model.compiled  # the optimizer's state stays out of the file
    with np.load(result.export.parents[2] / "mnist.npz") as arrays:
        logits = model.predict(arrays["x_test"][..., None], verbose=0)
        accuracy = float((logits.argmax(axis=1) == arrays["y_test"]).mean())
    assert result.metrics["test_accuracy"] == pytest.approx(accuracy)


def test_the_export_of_a_run_in_bfloat16_is_float32(result: Result) -> None:
    model = keras.models.load_model(keras_path(result.export))
    assert {layer.compute_dtype for layer in model.layers} == {"float32"}
    classify = tf.saved_model.load(str(result.export)).signatures["classify"]
    with np.load(golden_path(result.export)) as goldens:
        answers = classify(images=tf.constant(goldens["classify/inputs/images"]))
        expected = goldens["classify/outputs/probabilities"]
    assert np.allclose(answers["probabilities"], expected, atol=1e-5)


def test_an_earlier_run_of_a_version_moves_aside(tmp_path: Path) -> None:
    for index in range(3):
        folder = tmp_path / "new"
        folder.mkdir()
        (folder / "history.csv").write_text(str(index))
        _file_away(folder, tmp_path / "tiny", "1")
    kept = {folder.name: (folder / "history.csv").read_text() for folder in tmp_path.glob("tiny/*")}
    assert kept == {"1": "2", "1.1": "0", "1.2": "1"}


@pytest.mark.parametrize(
    ("step", "failure"), [("fit", KeyboardInterrupt()), ("export", ExportError("disk full"))]
)
def test_a_run_that_ends_early_leaves_its_log_alone(
    datasets_dir: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
    failure: BaseException,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise failure

    monkeypatch.setattr(f"training.running.run.{step}", fail)
    folders: dict[str, Any] = {"models_dir": tmp_path / "models", "runs_dir": tmp_path / "runs"}
    with pytest.raises(type(failure)):
        run(RECIPE.override(epochs=1), **folders, verbose=False)
    left = [path for folder in folders.values() for path in folder.rglob("*") if path.is_file()]
    assert [path for path in left if path.parts[-3] != "tensorboard"] == []


@pytest.mark.parametrize(
    "what", ["_draw_curves", "_write_history", "_write_settings", "_file_away"]
)
def test_a_full_disk_is_one_sentence_and_comes_before_the_export(
    datasets_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    exported = []

    def fill(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def export(*_: object, **__: object) -> Path:
        exported.append(what)
        return tmp_path / "models" / "tiny-bars" / "1"

    monkeypatch.setattr(f"training.running.run.{what}", fill)
    monkeypatch.setattr("training.running.run.export", export)
    monkeypatch.setattr(
        "training.running.run.fit", lambda *_, **__: {"loss": [1.0], "val_loss": [1.0]}
    )
    sentence = r"cannot be (written|moved) into .*tiny-bars: No space left on device; make room"
    with pytest.raises(TrainingFailed, match=sentence):
        run(RECIPE, models_dir=tmp_path / "models", runs_dir=tmp_path / "runs", verbose=False)
    assert exported == (["_file_away"] if what == "_file_away" else [])
    assert not list((tmp_path / "runs").iterdir())


@pytest.mark.parametrize("unwritable", ["models_dir", "runs_dir"])
def test_a_folder_that_cannot_be_written_is_found_before_training(
    datasets_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unwritable: str
) -> None:
    def fit(*_: object, **__: object) -> None:
        raise AssertionError("it trained")

    monkeypatch.setattr("training.running.run.fit", fit)
    (tmp_path / "a-file").write_text("")  # tests may run as root, whom no folder refuses
    folders: dict[str, Any] = {"models_dir": tmp_path / "models", "runs_dir": tmp_path / "runs"}
    folders[unwritable] = tmp_path / "a-file" / "folder"
    with pytest.raises(ExportError, match=r"nothing can be written into .*: Not a directory: make"):
        run(RECIPE, **folders, verbose=False)
    assert not [entry for folder in tmp_path.glob("*/") for entry in folder.glob(".*")]


def test_an_architecture_that_cannot_take_the_images_is_one_sentence(
    datasets_dir: Path, tmp_path: Path
) -> None:
    recipe = dataclasses.replace(RECIPE, architecture="vgg", arguments={})
    with pytest.raises(UsageError) as refused:
        run(recipe, models_dir=tmp_path / "models", runs_dir=tmp_path / "runs", verbose=False)
    sentence = str(refused.value)
    assert sentence.startswith("the architecture vgg cannot be built for mnist: ")
    assert "\n" not in sentence
    assert not [path for path in tmp_path.glob("*s/*") if path.parent != datasets_dir]


def test_a_run_validated_by_the_test_set_claims_no_validation() -> None:
    history = {"loss": [2.0, 1.0], "val_loss": [1.0, 2.0], "val_accuracy": [0.75, 0.5]}
    assert _validated(RECIPE, history) == {"validation_accuracy": 0.75}
    assert _validated(RECIPE.override(keep="last"), history) == {"validation_accuracy": 0.5}
    assert _validated(RECIPE.override(validation="test"), history) == {}
