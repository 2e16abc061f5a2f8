"""Proof by goldens: what is refused, and how it is explained."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from service import runtimes
from service.errors import InvalidExport
from service.exports.folder import Export
from service.loading import goldens as loading_goldens
from service.machine.devices import Device
from service.manifest import Manifest, golden_path, manifest_path
from tests.breakage import (
    INPUT,
    OPENVINO,
    OUTPUT,
    TENSORFLOW,
    change_goldens,
    change_manifest,
    cut,
    refusal,
)

pytestmark = pytest.mark.usefixtures("no_gpu")


def test_wrong_goldens_are_refused_with_the_difference(export: Export) -> None:
    def change(tensors: dict[str, np.ndarray]) -> None:
        tensors[OUTPUT][0, 0] += 0.25

    change_goldens(export, change)
    message = refusal(export)
    assert "openvino in float32 differs from the goldens by 0.25" in message
    assert "tensorflow in float32 differs from the goldens by 0.25" in message
    assert "the manifest allows 0.0001: export it again" in message


def _drop(name: str) -> Callable[[dict[str, np.ndarray]], None]:
    return lambda tensors: tensors.__delitem__(name)


def _put(name: str, array: np.ndarray) -> Callable[[dict[str, np.ndarray]], None]:
    return lambda tensors: tensors.__setitem__(name, array)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_drop(INPUT), f"lacks a tensor: {INPUT}"),
        (_drop(OUTPUT), f"lacks a tensor: {OUTPUT}"),
        (_put(OUTPUT, np.full((9, 3), np.nan, np.float32)), "not finite numbers"),
        (_put(OUTPUT, np.zeros((9, 4), np.float32)), "is float32 [any, 3]; got float32 [9, 4]"),
        (_put(OUTPUT, np.zeros((9, 3))), "is float32 [any, 3]; got float64 [9, 3]"),
        (_put(OUTPUT, np.zeros((8, 3), np.float32)), "has shape (9, 3), the goldens (8, 3)"),
        (_put(OUTPUT, np.zeros((0, 3), np.float32)), "proves nothing"),
        (
            _put(INPUT, np.zeros((9, 8, 8, 3), np.uint8)),
            "is uint8 [any, 8, 8, 1]; got uint8 [9, 8, 8, 3]",
        ),
        (_put(INPUT, np.zeros((9, 8, 8, 1), np.float32)), "got float32 [9, 8, 8, 1]"),
    ],
)
def test_goldens_that_do_not_fit_are_refused_with_the_tensor(
    export: Export, change: Callable[[dict[str, np.ndarray]], None], reason: str
) -> None:
    change_goldens(export, change)
    message = refusal(export, OPENVINO)
    assert reason in message
    assert "golden" in message


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[200:260] = bytes(60)
    path.write_bytes(content)


def _as_array(path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, np.zeros(3))


def _as_pickle(path: Path) -> None:
    tensors: dict[str, Any] = {INPUT: np.array([{}], object)}
    np.savez(path, **tensors)


@pytest.mark.parametrize(
    "spoil",
    [cut, _flip, _as_array, _as_pickle, Path.unlink, lambda path: path.write_text("nonsense")],
)
def test_a_golden_file_that_cannot_be_read_is_refused_before_any_runtime_starts(
    export: Export, spoil: Callable[[Path], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(name: str) -> object:
        raise AssertionError(f"{name} was imported")

    spoil(golden_path(export.path))
    monkeypatch.setattr(runtimes, "get", never)
    message = refusal(export)
    assert message.startswith("golden.npz")
    assert message.endswith("export it again")


def test_a_manifest_that_is_no_json_is_refused(export: Export) -> None:
    manifest_path(export.path).write_text("{ oops")
    assert "manifest.json is invalid: as a whole: Invalid JSON" in refusal(export)


def test_a_manifest_with_an_unknown_field_names_it(export: Export) -> None:
    change_manifest(export, lambda content: content.update(colour="red"))
    message = refusal(export)
    assert "colour: Extra inputs are not permitted" in message
    assert "errors.pydantic.dev" not in message


def test_a_manifest_of_another_format_is_refused(export: Export) -> None:
    change_manifest(export, lambda content: content.update(format=2))
    assert "format: Input should be 1" in refusal(export)


@pytest.mark.parametrize("file", ["saved_model.pb", "variables/variables.index", "fingerprint.pb"])
def test_a_saved_model_cut_short_is_refused(export: Export, file: str) -> None:
    cut(export.path / file)
    if file == "fingerprint.pb":  # tells builds apart, holds nothing of the model
        assert loading_goldens.load(export, TENSORFLOW).runtime == "tensorflow"
        return
    message = refusal(export, TENSORFLOW)
    assert message.startswith("tensorflow in float32: TensorFlow cannot load the SavedModel: ")
    assert message.endswith("export it again")
    assert "\n" not in message


def test_the_tolerance_is_the_manifests(export: Export) -> None:
    def change(tensors: dict[str, np.ndarray]) -> None:
        tensors[OUTPUT][0, 0] += 0.01

    change_goldens(export, change)
    assert "allows 0.0001" in refusal(export, OPENVINO)
    change_manifest(export, lambda content: content.update(tolerance={"float32": 0.02}))
    loaded = loading_goldens.load(export, OPENVINO)
    assert loaded.golden_error == pytest.approx(0.01, abs=1e-4)


def test_what_a_manifest_promises_and_the_saved_model_lacks_is_named(export: Export) -> None:
    manifest = Manifest.read(export.path)
    signature = manifest.signatures["classify"]
    with pytest.raises(InvalidExport, match=r"no signature guess; it has classify: export it"):
        runtimes.get("tensorflow").load(
            export.path, {"guess": signature}, runtimes.Placement(Device("cpu"), "float32", 0)
        )


def test_answers_that_are_no_numbers_are_refused(export: Export) -> None:
    goldens = loading_goldens.read(export.path, Manifest.read(export.path))
    answers = np.full((9, 3), np.nan, np.float32)
    with pytest.raises(InvalidExport, match="'probabilities' has values that are not finite"):
        loading_goldens.replay({"classify": lambda inputs: {"probabilities": answers}}, goldens)
