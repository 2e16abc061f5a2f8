"""Anyone's Keras file becomes an export that answers as the model does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from PIL import Image

from service.manifest import ImageInput, Manifest, golden_path, keras_path
from service.preprocessing.image import EncodedImage
from training.__main__ import main
from training.errors import ExportError, UsageError
from training.exporting.from_keras import export_keras_file

LAYER = '''
import keras

@keras.saving.register_keras_serializable(package="flowers")
class Contrast(keras.layers.Layer):
    """Stretches pixels about their mean."""

    def __init__(self, gain, **arguments):
        super().__init__(**arguments)
        self.gain = gain

    def call(self, images):
        mean = keras.ops.mean(images, axis=(1, 2), keepdims=True)
        return mean + self.gain * (images - mean)

    def get_config(self):
        return {**super().get_config(), "gain": self.gain}
'''


def _labels(folder: Path, *names: str) -> Path:
    path = folder / "labels.txt"
    path.write_text("\n".join(names), encoding="utf-8")
    return path


def _model(last: keras.layers.Layer, *first: keras.layers.Layer) -> keras.Model:
    keras.utils.set_random_seed(5)
    return keras.Sequential(
        [keras.Input((10, 12, 3)), *first, keras.layers.GlobalAveragePooling2D(), last]
    )


def _saved(folder: Path, model: keras.Model) -> Path:
    model.save(folder / "my.keras")
    return folder / "my.keras"


def test_the_readme_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Custom layer, examples, fit and scaling, proven in a fresh process, as a user would."""
    (tmp_path / "flower_layers.py").write_text(LAYER)
    monkeypatch.syspath_prepend(tmp_path)
    from flower_layers import Contrast  # type: ignore[import-not-found] # written above

    model = _model(keras.layers.Dense(3, activation="softmax"), Contrast(1.5))
    _saved(tmp_path, model)
    _labels(tmp_path, "daisy", "rose", "tulip")
    (tmp_path / "examples").mkdir()
    random = np.random.default_rng(0)
    for name in ("one.png", "two.png", "three.png"):
        pixels = random.integers(0, 256, (30, 50, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / "examples" / name)
    monkeypatch.chdir(tmp_path)

    command = (
        "export my.keras --name flowers --labels labels.txt --fit center-crop --task classify "
        "--examples examples --custom-objects flower_layers --scaling symmetric "
        "--description Flowers."
    )
    assert main(command.split()) == 0

    folder = tmp_path / "models" / "flowers" / "1"
    manifest = Manifest.read(folder)
    assert manifest.labels == ("daisy", "rose", "tulip")
    assert manifest.image == ImageInput(height=10, width=12, channels=3, fit="center-crop")
    assert manifest.provenance["scaling"] == "symmetric"
    data = (tmp_path / "examples" / "one.png").read_bytes()
    pixels = EncodedImage.open(data, max_pixels=10_000).decode(manifest.image)
    with np.load(golden_path(folder)) as goldens:
        images = goldens["classify/inputs/images"]
        assert images.shape == (3, 10, 12, 3)
        assert np.array_equal(images[0], pixels)
        expected = model.predict(images / np.float32(127.5) - 1, verbose=0)
        assert np.allclose(goldens["classify/outputs/probabilities"], expected, atol=1e-6)
    assert keras.models.load_model(keras_path(folder)).count_params() == model.count_params()


@pytest.mark.parametrize(
    ("last", "outputs"),
    [
        (keras.layers.Dense(2), "logits"),
        (keras.layers.Dense(2, activation="softmax"), "probabilities"),
        (keras.layers.Dense(1, activation="sigmoid"), "probabilities"),
        (keras.layers.Dense(1), "logits"),
    ],
)
def test_outputs_are_judged_and_binary_models_get_two_probabilities(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last: keras.layers.Layer, outputs: str
) -> None:
    given: dict[str, Any] = {}

    def export(*arguments: Any, **_: object) -> Path:
        _, _, given["manifest"], given["goldens"] = arguments
        return tmp_path

    monkeypatch.setattr("training.exporting.from_keras.export", export)
    export_keras_file(
        _saved(tmp_path, _model(last, keras.layers.Rescaling(1 / 255))),
        name="pets",
        labels_file=_labels(tmp_path, "cat", "dog"),
        models_dir=tmp_path / "models",
    )
    assert given["manifest"].provenance["outputs"] == outputs
    probabilities = given["goldens"]["classify"][1]["probabilities"]
    assert probabilities.shape[1] == 2
    assert np.allclose(probabilities.sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize(
    ("last", "options", "sentence"),
    [
        (keras.layers.Dense(4), {}, "gives 4 scores an image, but there are 3 labels"),
        (keras.layers.Dense(1), {}, "needs 2 labels"),
        (keras.layers.Dense(3, activation="sigmoid"), {}, "several of them at once"),
        (keras.layers.Dense(3, activation="relu"), {}, r"activation \(relu\) does not tell"),
        (keras.layers.Dense(3), {"outputs": "probabilities"}, "are no probabilities"),
        (keras.layers.Dense(3), {"fit": "mnist"}, "the fit 'mnist' makes 28×28×1"),
        (keras.layers.Dense(3), {"size": "10by12"}, "--size is HxW"),
        (keras.layers.Dense(3), {"padding": 300}, "less than or equal to 255"),
    ],
)
def test_what_is_unclear_or_does_not_match_is_refused(
    tmp_path: Path, last: keras.layers.Layer, options: dict[str, object], sentence: str
) -> None:
    file = _saved(tmp_path, _model(last))
    with pytest.raises((ExportError, UsageError), match=sentence):
        export_keras_file(
            file,
            name="flowers",
            labels_file=_labels(tmp_path, "daisy", "rose", "tulip"),
            models_dir=tmp_path / "models",
            **options,  # type: ignore[arg-type] # on purpose
        )
    assert not (tmp_path / "models").exists()


def test_a_model_that_does_not_scale_its_pixels_is_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("training.exporting.from_keras.export", lambda *_, **__: tmp_path)
    export_keras_file(
        _saved(tmp_path, _model(keras.layers.Dense(2))),
        name="plain",
        labels_file=_labels(tmp_path, "x", "y"),
        models_dir=tmp_path / "models",
    )
    assert "--scaling unit|symmetric|imagenet|caffe" in caplog.text


def test_grey_models_have_no_colours_to_scale(tmp_path: Path) -> None:
    model = keras.Sequential(
        [keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(2)]
    )
    with pytest.raises(UsageError, match="'caffe' is of RGB images"):
        export_keras_file(
            _saved(tmp_path, model),
            name="grey",
            labels_file=_labels(tmp_path, "x", "y"),
            models_dir=tmp_path / "models",
            scaling="caffe",
        )
