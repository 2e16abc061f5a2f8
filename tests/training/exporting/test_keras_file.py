"""Keras files load, with their own objects; what cannot be used says what to do."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import keras
import pytest

from training.errors import ExportError
from training.exporting import keras_file

LAYER = """
import keras

class Doubling(keras.layers.Layer):
    def call(self, inputs):
        return 2.0 * inputs
"""

SUBCLASS = """
import keras

class Own(keras.Model):
    def __init__(self, **arguments):
        super().__init__(**arguments)
        self.dense = keras.layers.Dense(2)

    def call(self, images):
        return self.dense(keras.ops.mean(images, axis=(1, 2)))
"""


def _save(path: Path, *middle: keras.layers.Layer) -> Path:
    layers = [keras.Input((4, 4, 1)), *middle, keras.layers.Flatten(), keras.layers.Dense(2)]
    keras.Sequential(layers).save(path)
    return path


def test_a_plain_file_loads(tmp_path: Path) -> None:
    model = keras_file.load(_save(tmp_path / "m.keras"), None)
    assert keras_file.image_shape(model, None) == (4, 4, 1)
    assert keras_file.num_outputs(model) == 2


def test_own_layers_load_from_a_file_and_are_asked_for_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "doubling_layers.py"
    source.write_text(LAYER)
    doubling = keras_file._objects(str(source))["Doubling"]
    saved = _save(tmp_path / "m.keras", doubling())
    monkeypatch.delitem(sys.modules, "doubling_layers")
    with pytest.raises(ExportError, match=r"'Doubling': name its module by --custom-objects"):
        keras_file.load(saved, None)
    assert keras_file.load(saved, str(source)).count_params() == 34


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda path: path / "none.keras", "is not there"),
        (lambda path: path, "is a folder"),
        (lambda path: _write(path / "old.h5", b"\x89HDF"), r'load_model\("old.h5"\)\.save'),
        (lambda path: _write(path / "m.keras", b"nonsense"), "is no .keras file"),
        (lambda path: _write(path / "saved_model.pb", b"").parent, "copy it to models/NAME/1"),
    ],
)
def test_other_files_say_what_to_do(
    tmp_path: Path, make: Callable[[Path], Path], sentence: str
) -> None:
    with pytest.raises(ExportError, match=sentence):
        keras_file.load(make(tmp_path), None)


def _write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_a_lambda_layer_is_not_run_from_a_file(tmp_path: Path) -> None:
    saved = _save(tmp_path / "m.keras", keras.layers.Lambda(lambda x: x, output_shape=(4, 4, 1)))
    with pytest.raises(ExportError, match="holds a Lambda layer"):
        keras_file.load(saved, None)


@pytest.mark.parametrize("module", ["no_such_module", "no/such/file.py"])
def test_a_missing_module_of_objects_is_named(tmp_path: Path, module: str) -> None:
    with pytest.raises(ExportError, match=f"--custom-objects: {module}"):
        keras_file.load(_save(tmp_path / "m.keras"), module)


def _model(*shapes: tuple[int | None, ...]) -> keras.Model:
    inputs = [keras.Input(shape) for shape in shapes]
    pooled = [keras.layers.Flatten()(keras.ops.mean(tensor, axis=1)) for tensor in inputs]
    return keras.Model(inputs, sum(pooled[1:], pooled[0]))


@pytest.mark.parametrize(
    ("shapes", "size", "sentence"),
    [
        ([(4, 4, 1), (4, 4, 1)], None, "has 2 inputs"),
        ([(4, 4)], None, r"expected images \(B, H, W, C\)"),
        ([(4, 4, 2)], None, "has 2 channels"),
        ([(None, None, 3)], None, "any size .* such as --size 224x224"),
        ([(4, 4, 3)], (8, 8), r"takes 4×4 pixels; --size asks for \(8, 8\)"),
    ],
)
def test_inputs_that_are_no_one_image_are_refused(
    shapes: list[tuple[int | None, ...]], size: tuple[int, int] | None, sentence: str
) -> None:
    with pytest.raises(ExportError, match=sentence):
        keras_file.image_shape(_model(*shapes), size)


def test_a_subclass_is_asked_to_be_wrapped(tmp_path: Path) -> None:
    source = tmp_path / "own_model.py"
    source.write_text(SUBCLASS)
    model = keras_file._objects(str(source))["Own"]()
    model(keras.ops.zeros((1, 4, 4, 1)))
    model.save(tmp_path / "m.keras")
    with pytest.raises(ExportError, match=r"wrap it, inputs = keras\.Input"):
        keras_file.image_shape(keras_file.load(tmp_path / "m.keras", str(source)), None)


def test_a_size_is_chosen_for_a_model_that_takes_any() -> None:
    inputs = keras.Input((None, None, 3))
    model = keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(inputs))
    assert keras_file.image_shape(model, (20, 30)) == (20, 30, 3)


@pytest.mark.parametrize(
    ("last", "activation"),
    [
        ([keras.layers.Dense(3)], "linear"),
        ([keras.layers.Dense(3, activation="softmax")], "softmax"),
        ([keras.layers.Dense(3), keras.layers.Softmax()], "softmax"),
        ([keras.layers.Dense(3), keras.layers.Activation("sigmoid")], "sigmoid"),
        ([keras.Sequential([keras.layers.Dense(3, activation="softmax")])], "softmax"),
        ([keras.layers.Dense(3), keras.layers.Dropout(0.1)], None),
    ],
)
def test_the_final_activation_is_found(
    last: list[keras.layers.Layer], activation: str | None
) -> None:
    model = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten(), *last])
    assert keras_file.final_activation(model) == activation


def test_a_model_that_scales_its_pixels_is_known() -> None:
    plain = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten()])
    scaling = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Rescaling(1 / 255)])
    assert not keras_file.scales_itself(plain)
    assert keras_file.scales_itself(keras.Sequential([keras.Input((4, 4, 1)), scaling]))
