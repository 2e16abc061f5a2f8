"""Exports in 8-bit integers: made, measured, refused where they cost accuracy, and served."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from service.errors import InvalidExport
from service.exports.folder import find
from service.loading import goldens
from service.manifest import Manifest, openvino_path
from service.settings import RunOptions
from tests import ROOT
from training.__main__ import main
from training.errors import ExportError, UsageError
from training.exporting import quantization
from training.exporting.export import remake
from training.recipe import Recipe
from training.running.evaluate import judge

CPU = RunOptions(runtime="openvino", device="cpu", isolation="never")


@pytest.fixture
def lenet5(tmp_path: Path, datasets_dir: Path) -> Path:
    """A copy of the committed export, and images of which it is sure, labelled as it says."""
    export = tmp_path / "models" / "mnist-lenet5" / "1"
    shutil.copytree(ROOT / "models" / "mnist-lenet5" / "1", export)
    with np.load(datasets_dir / "mnist.npz") as file:
        arrays: dict[str, Any] = dict(file)
    classify = goldens.load(find(export), CPU).programs[0]["classify"]
    for name in ("train", "test"):
        images = arrays[f"x_{name}"]
        probabilities = classify({"images": images[..., np.newaxis]})["probabilities"]
        sure = np.resize(np.argsort(-probabilities.max(-1))[:20], len(images))
        arrays[f"x_{name}"] = images[sure]
        arrays[f"y_{name}"] = probabilities[sure].argmax(-1)
    np.savez(datasets_dir / "mnist.npz", **arrays)
    return export


@pytest.mark.usefixtures("unproven")
def test_the_next_version_carries_int8_and_the_service_takes_it(
    lenet5: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["quantize", str(lenet5)]) == 0
    made = lenet5.parent / "2"
    said = " ".join(capsys.readouterr().out.split())
    assert "test_accuracy 100.00% test_accuracy_int8 100.00%" in said
    small, exact = (openvino_path(made, "classify", int8=int8) for int8 in (True, False))
    ratio = small.with_suffix(".bin").stat().st_size / exact.with_suffix(".bin").stat().st_size
    assert ratio < 0.3
    loaded = goldens.load(find(made), CPU)
    assert loaded.precision == "int8"
    assert loaded.golden_error is not None
    assert 1e-6 < loaded.golden_error < (loaded.manifest.tolerance.int8 or 0)
    assert loaded.manifest.metrics["test_accuracy_int8"] == 1
    float32 = RunOptions(runtime="openvino", device="cpu", precision="float32", isolation="never")
    assert goldens.load(find(made), float32).precision == "float32"
    assert goldens.load(find(lenet5), CPU).precision != "int8"
    assert Manifest.read(lenet5).tolerance.int8 is None


def test_int8_that_is_not_there_is_refused_by_name(lenet5: Path) -> None:
    int8 = RunOptions(runtime="openvino", device="cpu", precision="int8", isolation="never")
    with pytest.raises(InvalidExport, match="python -m training quantize"):
        goldens.load(find(lenet5), int8)


def test_what_costs_accuracy_is_refused_and_leaves_nothing(lenet5: Path) -> None:
    task, examples = judge(lenet5, Manifest.read(lenet5))
    asked: list[float] = []

    def remeasure(answers: Mapping[str, Any]) -> dict[str, float]:
        accuracy = task.remeasure(answers)["test_accuracy"] - 0.002 * len(asked)
        asked.append(accuracy)
        return {"test_accuracy": accuracy}

    def change(folder: Path) -> None:
        quantization.quantize(folder, examples.train.images, remeasure)

    with pytest.raises(ExportError, match=r"costs 0.20 points .* and 0.1 are allowed"):
        remake(lenet5, change)
    assert len(asked) == 2
    assert [path.name for path in lenet5.parent.iterdir()] == ["1"]
    assert [path.name for path in lenet5.parents[1].iterdir()] == ["mnist-lenet5"]


def test_only_classifiers_are_quantized(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "models" / "dates-transformer" / "1", tmp_path / "1")
    with pytest.raises(UsageError, match="transduce"):
        quantization.quantize(tmp_path / "1", np.zeros((1, 8, 8, 1), np.uint8), lambda _: {})


def test_training_finds_out_first_whether_int8_can_be(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(recipe: Recipe, **_: Any) -> None:
        raise AssertionError(f"{recipe.name} was trained")

    monkeypatch.setattr("training.running.run.run", run)
    assert main(["train", "dates-transformer", "--quantize", "int8"]) == 2
    assert "only classifiers are quantized" in capsys.readouterr().err
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert main(["train", "mnist-lenet5", "--quantize", "int8"]) == 2
    assert "pip install 'lutrin[quantize]'" in capsys.readouterr().err
