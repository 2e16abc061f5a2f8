"""A classifier of keras.applications becomes a model of ours that answers what Keras answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.training.architecture_checks import parameters
from training.errors import ExportError, UsageError
from training.importers import Source, keras_applications
from training.running.pretrained import default_name

NAMES = ("ant", "bee", "crab")


@pytest.fixture(scope="module")
def theirs() -> keras.Model:
    """Keras' ResNet-50 of three classes, its moving statistics those of some images."""
    keras.utils.set_random_seed(1)
    model = keras.applications.ResNet50(weights=None, classes=len(NAMES))
    random = np.random.default_rng(0)
    for variable in model.variables:  # as they begin, biases are 0 and normalizations do nothing
        if len(variable.shape) == 1:
            noise = random.uniform(0, 0.2, variable.shape)
            variable.assign(variable + noise.astype(np.float32))
    last = model.get_layer("predictions").kernel
    last.assign(0.02 * last)  # else one class takes all
    return model


@pytest.fixture(scope="module")
def files(theirs: keras.Model, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Its weights, and the names of its classes."""
    folder = tmp_path_factory.mktemp("keras")
    theirs.save_weights(folder / "mine.weights.h5")
    (folder / "labels.txt").write_text("\n".join(NAMES), encoding="utf-8")
    return folder / "mine.weights.h5", folder / "labels.txt"


def test_it_answers_what_keras_answers(theirs: keras.Model, files: tuple[Path, Path]) -> None:
    weights, labels = files
    imported = keras_applications.read(Source(name="resnet50", weights=weights, labels=labels))
    assert imported.serving.labels == NAMES
    assert imported.description == "Images in 3 classes: ResNet50 of keras.applications."
    assert imported.source == "keras:ResNet50"
    assert imported.facts["weights"] == "mine.weights.h5"
    assert len(str(imported.facts["sha256"])) == 64
    pixels = np.random.default_rng(1).integers(0, 256, (2, 224, 224, 3), np.uint8)
    classify = imported.serving.signatures["classify"].function
    seen = keras.applications.resnet.preprocess_input(pixels.astype(np.float32))
    expected = np.asarray(theirs(seen))
    assert 0.01 < expected.min() < expected.max() < 0.99
    np.testing.assert_allclose(
        classify(images=tf.constant(pixels))["probabilities"], expected, atol=1e-5
    )


def test_names_of_imagenet_are_told_apart(tmp_path: Path) -> None:
    index = {"0": ["n1", "great_white_shark"], "1": ["n2", "crane"], "2": ["n3", "crane"]}
    file = tmp_path / "index.json"
    file.write_text(json.dumps(index), encoding="utf-8")
    assert keras_applications._names(file) == ("great white shark", "crane (n2)", "crane (n3)")
    file.write_text('{"1": ["n1", "crane"]}', encoding="utf-8")
    with pytest.raises(ExportError, match="cannot be read as an index of classes"):
        keras_applications._names(file)


def test_other_weights_are_refused(files: tuple[Path, Path], tmp_path: Path) -> None:
    weights, _ = files
    labels = tmp_path / "labels.txt"
    labels.write_text("one\ntwo\n", encoding="utf-8")
    with pytest.raises(ExportError, match="does not hold the weights of ResNet50 for 2 classes"):
        keras_applications.read(Source(name="ResNet50", weights=weights, labels=labels))
    with pytest.raises(UsageError, match="for its 1,000 classes, and the labels name 2"):
        keras_applications.read(Source(name="ResNet50", labels=labels))


def test_a_failed_download_names_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: Any) -> None:
        raise OSError("URL fetch failure on https://example.org: no route to host")

    monkeypatch.setattr(keras.utils, "get_file", fail)
    with pytest.raises(ExportError, match=r"no route to host.*--labels FILE names one"):
        keras_applications.read(Source(name="ResNet50"))


@pytest.mark.parametrize("name", keras_applications.NETWORKS)
def test_both_have_the_same_weights_in_the_same_order(name: str) -> None:
    network = keras_applications.NETWORKS[name]
    _, ours = parameters(network.build, {**network.variant, "num_classes": 7})
    make = getattr(keras.applications, network.name)
    _, theirs = parameters(make, {"weights": None, "classes": 7})
    assert _kinds(ours) == _kinds(theirs)


def _kinds(model: keras.Model) -> list[tuple[str, tuple[int, ...]]]:
    return [(weight.name, tuple(weight.shape)) for weight in model.weights]


def test_all_of_both_families_are_known() -> None:
    assert {each.name for each in keras_applications.NETWORKS.values()} == {
        *("ResNet50", "ResNet101", "ResNet152", "ResNet50V2", "ResNet101V2", "ResNet152V2"),
        *("VGG16", "VGG19"),
    }
    assert all(hasattr(keras.applications, each.name) for each in _networks())
    assert default_name("keras:ResNet50V2") == "resnet50v2"
    with pytest.raises(UsageError, match="keras:xception is none that can be imported; known are"):
        keras_applications.read(Source(name="xception"))


def _networks() -> Any:
    return keras_applications.NETWORKS.values()
