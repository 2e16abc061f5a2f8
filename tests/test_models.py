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
from training import catalogue
from training.errors import DatasetError

ROOT = Path(__file__).parent.parent
DATASETS = Path(os.environ.get("DATASETS_DIR") or ROOT.parent / "shared" / "data")
LEAST_ACCURACY = {
    "mnist-mlp": 0.982,
    "mnist-lenet5": 0.993,
    "mnist-vgg": 0.9965,
    "fashion-mnist-vgg": 0.94,
}
"""Of the committed classifiers: what an issue or the paper asked of them."""
MOST_MODELS_MB = 60
MOST_RESIDENT_MB = 220
BATCH = 32

EXPORTS = sorted(path.parent for path in (ROOT / "models").glob("*/*/saved_model.pb"))
CLASSIFIERS = [path for path in EXPORTS if "test_accuracy" in Manifest.read(path).metrics]


def _name(export: Path) -> str:
    return export.parent.name


@pytest.mark.parametrize("name", LEAST_ACCURACY)
def test_a_committed_model_promises_its_accuracy(name: str) -> None:
    manifest = Manifest.read(ROOT / "models" / name / "1")
    assert manifest.metrics["test_accuracy"] >= LEAST_ACCURACY[name]


@pytest.mark.parametrize("export", CLASSIFIERS, ids=_name)
def test_a_committed_model_is_as_accurate_as_it_says(
    export: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = catalogue.get("recipe", str(Manifest.read(export).provenance["recipe"]))
    monkeypatch.setenv("DATASETS_DIR", str(DATASETS))
    try:
        test = catalogue.get("dataset", recipe.dataset)().test
    except DatasetError as error:
        pytest.skip(f"the data set is not at hand: {error}")
    loaded = golden.load(
        store.find(export), RunOptions(runtime="openvino", device="cpu", precision="float32")
    )
    assert loaded.manifest.image is not None
    classify = Classifier(loaded.programs[0]["classify"], loaded.manifest.image, BATCH)
    assert len(test) == 10_000
    rows = [
        row
        for start in range(0, len(test), BATCH)
        for row in classify(list(test.images[start : start + BATCH]))
    ]
    accuracy = float(np.mean(np.array(rows).argmax(axis=1) == test.labels))
    assert accuracy == pytest.approx(loaded.manifest.metrics["test_accuracy"], abs=0.0005)


def test_every_export_is_in_the_table_with_what_it_promises() -> None:
    table = (ROOT / "models" / "README.md").read_text(encoding="utf-8")
    for export in EXPORTS:
        row = re.search(rf"^\| `{_name(export)}` \|.*$", table, re.MULTILINE)
        assert row, f"models/README.md has no row of {_name(export)}"
        accuracy = Manifest.read(export).metrics.get("test_accuracy")
        if accuracy is not None:
            assert f"{accuracy:.2%}".replace("%", " %") in row[0]


def test_the_models_stay_small() -> None:
    size = sum(path.stat().st_size for path in (ROOT / "models").rglob("*") if path.is_file())
    assert size <= MOST_MODELS_MB * 1_000_000


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from Linux's /proc")
def test_two_are_served_in_little_memory(tmp_path: Path) -> None:
    served = {"mnist-mlp", "mnist-lenet5"}
    for name in served:
        (tmp_path / name).symlink_to(ROOT / "models" / name)
    with Server(MODELS_DIR=tmp_path, DEVICE="cpu", RUNTIME="openvino") as server:
        models = {each["id"] for each in server.client.get("/v1/models").json()["data"]}
        assert models == served
        status = Path(f"/proc/{server.process.pid}/status").read_text(encoding="utf-8")
    (resident,) = re.findall(r"VmRSS:\s+(\d+) kB", status)
    assert int(resident) * 1024 <= MOST_RESIDENT_MB * 1_000_000, f"{resident} KiB"
