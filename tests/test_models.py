"""The committed models are there, are as good as they say, and are served in little memory."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from service import golden, store
from service.classification import Classifier
from service.manifest import Manifest
from service.settings import RunOptions
from tests.server import Server

ROOT = Path(__file__).parent.parent
DATASETS = Path(os.environ.get("DATASETS_DIR") or ROOT.parent / "shared" / "data")
LEAST_ACCURACY = {"mnist-mlp": 0.982, "mnist-lenet5": 0.993}
MOST_RESIDENT_MB = 220
BATCH = 32

needs_mnist = pytest.mark.skipif(
    not (DATASETS / "mnist.npz").exists(), reason=f"{DATASETS} has no mnist.npz: set DATASETS_DIR"
)


@pytest.mark.parametrize("name", LEAST_ACCURACY)
def test_a_committed_model_promises_its_accuracy(name: str) -> None:
    manifest = Manifest.read(ROOT / "models" / name / "1")
    assert manifest.metrics["test_accuracy"] >= LEAST_ACCURACY[name]


@needs_mnist
@pytest.mark.parametrize("name", LEAST_ACCURACY)
def test_a_committed_model_is_as_accurate_as_it_says(name: str) -> None:
    loaded = golden.load(
        store.find(ROOT / "models" / name / "1"),
        RunOptions(runtime="openvino", device="cpu", precision="float32"),
    )
    assert loaded.manifest.image is not None
    classify = Classifier(loaded.programs[0]["classify"], loaded.manifest.image, BATCH)
    with np.load(DATASETS / "mnist.npz", allow_pickle=False) as arrays:
        images, labels = arrays["x_test"][..., None], arrays["y_test"]
    assert len(images) == 10_000
    rows = [
        row
        for start in range(0, len(images), BATCH)
        for row in classify(list(images[start : start + BATCH]))
    ]
    accuracy = float(np.mean(np.array(rows).argmax(axis=1) == labels))
    assert accuracy >= LEAST_ACCURACY[name]
    assert accuracy == pytest.approx(loaded.manifest.metrics["test_accuracy"], abs=0.0005)


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from Linux's /proc")
def test_both_are_served_in_little_memory() -> None:
    with Server(MODELS_DIR=ROOT / "models", DEVICE="cpu", RUNTIME="openvino") as server:
        models = {each["id"] for each in server.client.get("/v1/models").json()["data"]}
        assert models >= LEAST_ACCURACY.keys()
        status = Path(f"/proc/{server.process.pid}/status").read_text(encoding="utf-8")
    (resident,) = re.findall(r"VmRSS:\s+(\d+) kB", status)
    assert int(resident) * 1024 <= MOST_RESIDENT_MB * 1_000_000, f"{resident} KiB"
