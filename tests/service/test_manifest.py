"""The contract: what an export may promise, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from service.manifest import (
    MODEL_NAME,
    ImageInput,
    Manifest,
    Signature,
    TensorSpec,
    Tolerance,
    golden_path,
    keras_path,
    manifest_path,
    openvino_path,
)


def classifier() -> dict[str, Any]:
    """A sound manifest as JSON holds it."""
    return {
        "signatures": {
            "classify": {
                "task": "classify",
                "inputs": {"images": {"dtype": "uint8", "shape": [None, 28, 28, 1]}},
                "outputs": {"probabilities": {"dtype": "float32", "shape": [None, 2]}},
            }
        },
        "image": {"height": 28, "width": 28, "channels": 1, "fit": "mnist"},
        "labels": ["no", "yes"],
    }


def test_what_is_written_is_read(tmp_path: Path) -> None:
    manifest = Manifest.model_validate(
        classifier()
        | {
            "description": "Says yes to “é”.",
            "tolerance": {"float32": 1e-5},
            "metrics": {"test_accuracy": 0.99},
            "provenance": {"recipe": "yes-no", "seed": 1, "augmented": True, "note": None},
            "license": "Apache-2.0",
        }
    )
    manifest.write(tmp_path)
    assert Manifest.read(tmp_path) == manifest
    assert json.loads(manifest_path(tmp_path).read_text(encoding="utf-8"))["format"] == 1


def test_files_stand_in_assets_extra(tmp_path: Path) -> None:
    extra = tmp_path / "assets.extra"
    assert manifest_path(tmp_path) == extra / "manifest.json"
    assert golden_path(tmp_path) == extra / "golden.npz"
    assert openvino_path(tmp_path, "classify") == extra / "openvino" / "classify.xml"
    assert keras_path(tmp_path) == extra / "keras" / "model.keras"


def test_unknown_ranks_sizes_and_scalars_survive(tmp_path: Path) -> None:
    shapes: list[tuple[int | None, ...] | None] = [None, (), (None,), (None, 3, None)]
    specs = {f"x{i}": TensorSpec(dtype="string", shape=shape) for i, shape in enumerate(shapes)}
    manifest = Manifest(signatures={"f": Signature(task="infer", inputs=specs, outputs=specs)})
    manifest.write(tmp_path)
    assert Manifest.read(tmp_path) == manifest


def test_tasks_and_the_signature_of_each() -> None:
    content = classifier()
    raw = {"x": {"dtype": "float32", "shape": None}}
    content["signatures"]["logits"] = {"task": "infer", "inputs": raw, "outputs": raw}
    content["signatures"]["more"] = {"task": "infer", "inputs": raw, "outputs": raw}
    manifest = Manifest.model_validate(content)
    assert manifest.tasks == ("classify", "infer")
    assert manifest.signature_for("classify") == "classify"
    assert manifest.signature_for("infer") == "logits"
    assert Manifest.model_validate(classifier()).signature_for("infer") is None


def _without(field: str) -> Callable[[dict[str, Any]], Any]:
    return lambda content: content.pop(field)


def _spec(side: str, **spec: object) -> Callable[[dict[str, Any]], Any]:
    name = "images" if side == "inputs" else "probabilities"
    return lambda content: content["signatures"]["classify"][side][name].update(spec)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_without("signatures"), "signatures"),
        (_without("image"), "'image' is missing"),
        (_without("labels"), "'labels' is missing"),
        (lambda content: content.update(format=2), "Input should be 1"),
        (lambda content: content.update(labls=[]), "labls"),
        (lambda content: content["image"].update(fit="crop"), "'stretch', 'pad', 'center-crop'"),
        (lambda content: content["image"].update(channels=4), "Input should be 1 or 3"),
        (lambda content: content["image"].update(height=0), "greater than 0"),
        (lambda content: content["image"].update(padding=256), "less than or equal to 255"),
        (lambda content: content["image"].update(resample="area"), "'nearest'"),
        (lambda content: content["image"].update(height=32), "the fit 'mnist' makes 28×28×1"),
        (lambda content: content["labels"].append("maybe"), "has 3 labels, so its one output"),
        (_spec("inputs", dtype="float32"), "its one input is 'images' uint8"),
        (_spec("inputs", shape=[None, 28, 28, 3]), "its one input is 'images' uint8"),
        (_spec("inputs", shape=[1, 28, 28, 1]), "its one input is 'images' uint8"),
        (_spec("outputs", dtype="float64"), "its one output is 'probabilities' float32"),
        (_spec("outputs", dtype="complex64"), "dtype"),
        (lambda content: content.update(tolerance={"float32": 0}), "greater than 0"),
        (lambda content: content.update(tolerance={"int4": 1}), "Extra inputs"),
    ],
)
def test_what_does_not_hold_together_is_refused(
    change: Callable[[dict[str, Any]], Any], reason: str
) -> None:
    content = classifier()
    change(content)
    with pytest.raises(ValidationError) as caught:
        Manifest.model_validate(content)
    assert reason in str(caught.value)


def test_a_manifest_does_not_change() -> None:
    manifest = Manifest.model_validate(classifier())
    with pytest.raises(ValidationError, match="frozen"):
        manifest.description = "other"
    assert manifest.image is not None
    with pytest.raises(ValidationError, match="frozen"):
        manifest.image.height = 1


def test_defaults_are_strict_in_float32_and_looser_in_bfloat16() -> None:
    assert Tolerance() == Tolerance(float32=1e-4, bfloat16=2e-2)
    assert ImageInput(height=1, width=1, channels=3).fit == "stretch"


@pytest.mark.parametrize("name", ["mnist-mlp", "A", "resnet50.v2_x", "a" * 128])
def test_model_names(name: str) -> None:
    assert MODEL_NAME.fullmatch(name)


@pytest.mark.parametrize("name", ["", ".hidden", "-x", "a/b", "a b", "é", "a" * 129, "a\n"])
def test_names_that_would_not_be_a_folder_and_a_url(name: str) -> None:
    assert not MODEL_NAME.fullmatch(name)


@pytest.mark.parametrize("name", ["../classify", "..", ".hidden", "a/b", "a\\b", "/etc/passwd"])
def test_the_files_of_a_signature_stay_in_their_folder(tmp_path: Path, name: str) -> None:
    folder = openvino_path(tmp_path, "classify").parent
    assert openvino_path(tmp_path, name).resolve().parent == folder
    assert openvino_path(tmp_path, name) != openvino_path(tmp_path, "classify")


def test_a_signature_without_a_name_is_refused() -> None:
    signature = classifier()["signatures"]["classify"]
    with pytest.raises(ValidationError, match="signatures"):
        Manifest.model_validate(classifier() | {"signatures": {"": signature}})


def test_promises_that_cannot_be_checked_are_refused() -> None:
    refused: list[dict[str, Any]] = [
        {"signatures": {}},
        {"tolerance": {"float32": float("inf")}},
        {"metrics": {"test_accuracy": float("nan")}},
    ]
    for empty in refused:
        with pytest.raises(ValidationError):
            Manifest.model_validate(classifier() | empty)
