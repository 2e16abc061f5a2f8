"""An export holds everything it promises, or nothing is left of it."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import openvino
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from service.manifest import ImageInput, Manifest, golden_path, keras_path, openvino_path
from service.runtimes._tensorflow_graph import SavedGraph
from training.errors import ExportError
from training.exporting import export as room
from training.exporting import goldens, signatures
from training.exporting.export import Function, Tensors, export, next_version, prove

IMAGE = ImageInput(height=6, width=6, channels=1)
Parts = tuple[keras.Model, dict[str, Function], Manifest, dict[str, tuple[Tensors, Tensors]]]


def _parts() -> Parts:
    keras.utils.set_random_seed(3)
    inputs = keras.Input((6, 6, 1))
    x = keras.layers.Conv2D(2, 3, activation="relu")(keras.layers.Rescaling(1 / 255)(inputs))
    model = keras.Model(inputs, keras.layers.Dense(3)(keras.layers.Flatten()(x)))
    classify = signatures.classify(model, IMAGE)
    images: Tensors = {"images": goldens.made(6, 6, 1)}
    manifest = Manifest(
        signatures={"classify": signatures.classify_promise(IMAGE, 3)},
        image=IMAGE,
        labels=("a", "b", "c"),
    )
    return (
        model,
        {"classify": classify},
        manifest,
        {"classify": (images, signatures.live(classify, images))},
    )


@pytest.fixture(scope="module")
def parts() -> Parts:
    return _parts()


@pytest.fixture(scope="module")
def exported(parts: Parts, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export that was proven in a fresh process, as every export is."""
    return export(*parts, name="tiny", models_dir=tmp_path_factory.mktemp("models"))


def _softmax(model: keras.Model, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    answers: NDArray[np.float32] = tf.nn.softmax(model.predict(images, verbose=0)).numpy()
    return answers


def test_the_folder_holds_what_the_manifest_promises(exported: Path, parts: Parts) -> None:
    assert (exported.parent.name, exported.name) == ("tiny", "1")
    assert Manifest.read(exported) == parts[2]
    with np.load(golden_path(exported)) as arrays:
        assert set(arrays) == {"classify/inputs/images", "classify/outputs/probabilities"}
        images = arrays["classify/inputs/images"]
        assert images.dtype == np.uint8
        expected = _softmax(parts[0], images)
        assert np.allclose(arrays["classify/outputs/probabilities"], expected, atol=1e-6)
    assert [entry.name for entry in exported.parents[1].iterdir()] == ["tiny"]


def test_the_saved_model_the_conversion_and_the_keras_file_answer_alike(
    exported: Path, parts: Parts
) -> None:
    images = np.random.default_rng(0).integers(0, 256, (5, 6, 6, 1), np.uint8)
    expected = _softmax(parts[0], images)

    loaded = tf.saved_model.load(str(exported))
    for name in ("classify", "serving_default"):
        answers = loaded.signatures[name](images=tf.constant(images))["probabilities"]
        assert np.allclose(answers, expected, atol=1e-6)

    core = openvino.Core()
    compiled = core.compile_model(
        core.read_model(openvino_path(exported, "classify")),
        "CPU",
        {"INFERENCE_PRECISION_HINT": "f32"},
    )
    assert np.allclose(compiled({"images": images})["probabilities"], expected, atol=1e-5)

    assert np.allclose(_softmax(keras.models.load_model(keras_path(exported)), images), expected)


def test_tensorflow_serving_can_load_it(exported: Path) -> None:
    """It runs the graph alone: the checkpoint must hold every variable that the graph reads."""
    graph = SavedGraph(exported, ["serve"], "/device:CPU:0", threads=0)
    assert sorted(graph.signatures) == ["classify", "serving_default"]
    assert graph.uninitialized(["classify", "serving_default"]) == []


def test_tables_of_a_model_are_kept(unproven: None, tmp_path: Path) -> None:
    """What the signatures use is saved, variables or not."""
    inputs = keras.Input((2, 2, 1))
    x = keras.layers.IntegerLookup(vocabulary=[7, 9])(keras.ops.cast(inputs, "int64"))
    x = keras.layers.Flatten()(keras.ops.cast(x, "float32"))
    model = keras.Model(inputs, keras.layers.Dense(2, kernel_initializer="ones")(x))
    image = ImageInput(height=2, width=2, channels=1)
    classify = signatures.classify(model, image, outputs="probabilities")
    images = np.array([7, 9, 8, 0], np.uint8).reshape(1, 2, 2, 1)
    manifest = Manifest(
        signatures={"classify": signatures.classify_promise(image, 2)},
        image=image,
        labels=("a", "b"),
    )
    live = signatures.live(classify, {"images": images})
    folder = export(
        model,
        {"classify": classify},
        manifest,
        {"classify": ({"images": images}, live)},
        name="table",
        models_dir=tmp_path,
        keras_file=False,
    )
    loaded = tf.saved_model.load(str(folder)).signatures["classify"](images=tf.constant(images))
    np.testing.assert_array_equal(loaded["probabilities"], [[3, 3]])  # 1 + 2 + 0 + 0


def test_a_model_that_nobody_keeps_holds_no_weights(unproven: None, tmp_path: Path) -> None:
    parts = _parts()
    images = np.zeros((1, 6, 6, 1), np.uint8)
    expected = _softmax(parts[0], images)
    folder = export(*parts, name="spent", models_dir=tmp_path, keep_model=False)
    assert sum(np.asarray(weight.value).size for weight in parts[0].variables) == 0
    loaded = tf.saved_model.load(str(folder)).signatures["classify"](images=tf.constant(images))
    assert np.allclose(loaded["probabilities"], expected, atol=1e-6)


@pytest.fixture
def quick(unproven: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write a file for an export: what is tested is where it goes."""

    def write(folder: Path, *_: object, keras_file: bool) -> None:
        folder.mkdir(parents=True)
        (folder / "saved_model.pb").touch()

    monkeypatch.setattr(room, "write", write)
    monkeypatch.setattr(room, "convert_all", lambda *_: None)


def test_versions_count_up(quick: None, parts: Parts, tmp_path: Path) -> None:
    (tmp_path / "tiny" / "7").mkdir(parents=True)
    (tmp_path / "tiny" / "notes").mkdir()
    assert export(*parts, name="tiny", models_dir=tmp_path).name == "8"
    assert next_version(tmp_path / "tiny") == 9


def test_two_exporters_at_once_get_a_version_each(tmp_path: Path) -> None:
    folders = [tmp_path / str(index) / "1" for index in range(8)]
    for folder in folders:
        folder.mkdir(parents=True)
        (folder / "file").write_text(folder.parent.name)
    threads = [
        threading.Thread(target=room._publish, args=(folder, tmp_path / "name"))
        for folder in folders
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    versions = sorted(int(entry.name) for entry in (tmp_path / "name").iterdir())
    assert versions == list(range(1, 9))
    written = {(tmp_path / "name" / str(version) / "file").read_text() for version in versions}
    assert written == {str(index) for index in range(8)}


FULL = OSError(28, "No space left on device")


@pytest.mark.parametrize(
    ("step", "failure"),
    [
        ("tf.saved_model.save", FULL),
        ("_write_goldens", FULL),
        ("prove", ExportError("the export does not hold: differs by 0.5")),
        ("_publish", OSError(30, "Read-only file system")),
    ],
)
def test_a_failure_leaves_nothing_and_is_one_sentence(
    request: pytest.FixtureRequest, parts: Parts, tmp_path: Path, step: str, failure: Exception
) -> None:
    monkeypatch: pytest.MonkeyPatch = request.getfixturevalue("monkeypatch")
    if step in {"prove", "_publish"}:
        request.getfixturevalue("quick")
    monkeypatch.setattr(f"training.exporting.export.{step}", _raise(failure))
    with pytest.raises(ExportError) as refused:
        export(*parts, name="tiny", models_dir=tmp_path)
    assert str(failure.args[-1]) in str(refused.value)
    assert "\n" not in str(refused.value)
    assert list(tmp_path.iterdir()) == []


def test_an_interruption_leaves_nothing(
    quick: None, parts: Parts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "prove", _raise(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        export(*parts, name="tiny", models_dir=tmp_path)
    assert list(tmp_path.iterdir()) == []


def _raise(failure: BaseException) -> Callable[..., None]:
    def fail(*_: object, **__: object) -> None:
        raise failure

    return fail


def test_an_export_that_does_not_reproduce_its_goldens_is_refused(
    exported: Path, parts: Parts, tmp_path: Path
) -> None:
    folder = tmp_path / "tiny" / "1"
    shutil.copytree(exported, folder)
    inputs, outputs = parts[3]["classify"]
    wrong: Tensors = {name: 1 - rows for name, rows in outputs.items()}
    room._write_goldens(golden_path(folder), {"classify": (inputs, wrong)})
    with pytest.raises(ExportError, match=r"does not hold: .*differs from the goldens"):
        prove(folder)


def test_a_model_that_answers_nan_is_refused(parts: Parts, tmp_path: Path) -> None:
    model, functions, manifest, given = parts
    inputs, outputs = given["classify"]
    broken: Tensors = {name: rows * np.nan for name, rows in outputs.items()}
    with pytest.raises(ExportError, match="not all finite"):
        export(
            model,
            functions,
            manifest,
            {"classify": (inputs, broken)},
            name="tiny",
            models_dir=tmp_path,
        )


@pytest.mark.parametrize("name", ["", "..", "a/b", "-x", "x" * 129])
def test_a_name_that_is_no_folder_of_models_is_refused(
    parts: Parts, tmp_path: Path, name: str
) -> None:
    with pytest.raises(ExportError, match="a model's name is"):
        export(*parts, name=name, models_dir=tmp_path)
    assert list(tmp_path.iterdir()) == []
