"""The whole line: a model trained a step, exported, found, served, asked over HTTP."""

from __future__ import annotations

import base64
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from service.manifest import Manifest, keras_path
from service.preprocessing.image import EncodedImage
from tests.images import encode
from tests.server import Server


@pytest.fixture(scope="module")
def made_datasets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small `mnist.npz` of stripes: a digit's label is where its stripe stands."""
    folder = tmp_path_factory.mktemp("datasets")
    random = np.random.default_rng(0)
    arrays: dict[str, Any] = {}
    for part, count in (("train", 400), ("test", 100)):
        labels = np.arange(count, dtype=np.uint8) % 10
        images = random.integers(0, 40, (count, 28, 28), np.uint8)
        for image, label in zip(images, labels, strict=True):
            image[:, 2 * label + 4 : 2 * label + 7] = 250
        arrays |= {f"x_{part}": images, f"y_{part}": labels}
    np.savez(folder / "mnist.npz", **arrays)
    return folder


def test_what_http_answers_is_what_the_trained_model_predicts(
    made_datasets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = tmp_path / "models"
    monkeypatch.setenv("DATASETS_DIR", str(made_datasets))
    trained = subprocess.run(
        [
            *(sys.executable, "-m", "training", "train", "mnist-lenet5", "--epochs", "1"),
            *("--models-dir", str(models), "--runs-dir", str(tmp_path / "runs")),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert trained.returncode == 0, trained.stdout + trained.stderr
    export = models / "mnist-lenet5" / "1"
    manifest = Manifest.read(export)
    assert manifest.labels == tuple("0123456789")
    model = keras.models.load_model(keras_path(export))

    files = [encode(image) for image in _images()]
    assert manifest.image is not None
    pixels = [EncodedImage.open(file, max_pixels=10**6).decode(manifest.image) for file in files]
    logits = np.asarray(model.predict(np.stack(pixels).astype(np.float32), verbose=0))
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    expected = exponentials / exponentials.sum(axis=1, keepdims=True)

    with Server(MODELS_DIR=models, PRECISION="float32") as server:
        images = [base64.b64encode(file).decode() for file in files]
        reply = server.client.post("/v1/classify", json={"images": images, "top_k": 10}).json()
    assert (reply["model"], reply["version"]) == ("mnist-lenet5", 1)
    for result, probabilities in zip(reply["results"], expected, strict=True):
        by_index = {each["index"]: each["score"] for each in result["predictions"]}
        answered = np.array([by_index[index] for index in range(10)])
        np.testing.assert_allclose(answered, probabilities, atol=1e-5)
        scores = [each["score"] for each in result["predictions"]]
        assert scores == sorted(scores, reverse=True)


def _images() -> list[np.ndarray]:
    """Bars as somebody may draw them: light on dark and dark on light, of several sizes."""
    images = []
    for size in (28, 28, 60, 300):
        image = np.zeros((size, size * 3 // 4), np.uint8)
        image[size // 5 : -size // 4, size // 3 : size // 2] = 250
        images += [image, 255 - image]
    return images
