"""Which runtime, devices and precision are chosen, and what is said about it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from service import runtimes
from service.exports.folder import Export, find
from service.loading import goldens
from service.machine import devices
from service.machine.devices import Device
from service.manifest import openvino_path
from service.runtimes import openvino
from service.settings import ModelOptions, RunOptions, Settings
from tests.breakage import (
    AUTO,
    OPENVINO,
    OUTPUT,
    TENSORFLOW,
    change_goldens,
    change_manifest,
    corrupt_weights,
    cut,
    refusal,
)
from tests.exports import write_foreign

pytestmark = pytest.mark.usefixtures("no_gpu")


def test_a_sound_export_is_proven_and_says_how_it_runs(export: Export) -> None:
    loaded = goldens.load(export, AUTO)
    assert loaded.runtime == "openvino"
    assert loaded.golden_error is not None
    assert loaded.golden_error <= 1e-4 or loaded.precision == "bfloat16"
    assert loaded.reason.startswith("no GPU found; converted for the CPU")
    assert loaded.devices == (Device("cpu"),)


@pytest.mark.parametrize("options", [OPENVINO, TENSORFLOW])
def test_a_runtime_asked_for_is_the_one_that_runs(export: Export, options: RunOptions) -> None:
    loaded = goldens.load(export, options)
    assert loaded.runtime == options.runtime
    assert f"RUNTIME={options.runtime}" in loaded.reason
    assert loaded.golden_error is not None
    assert loaded.golden_error <= 1e-6


def _without_weights(export: Export) -> None:
    openvino_path(export.path, "classify").with_suffix(".bin").unlink()


def _with_cut_weights(export: Export) -> None:
    cut(openvino_path(export.path, "classify").with_suffix(".bin"))


def _with_cut_graph(export: Export) -> None:
    cut(openvino_path(export.path, "classify"))


def _with_nonsense(export: Export) -> None:
    openvino_path(export.path, "classify").write_text("nonsense")


def _with_another_tensor(export: Export) -> None:
    path = openvino_path(export.path, "classify")
    path.write_text(path.read_text().replace("probabilities", "scores"))


@pytest.mark.parametrize(
    "spoil",
    [
        *(_without_weights, _with_cut_weights, _with_cut_graph, _with_nonsense),
        *(_with_another_tensor, corrupt_weights),
    ],
)
def test_a_broken_conversion_gives_way_to_tensorflow_unless_it_was_asked_for(
    export: Export, spoil: Callable[[Export], None]
) -> None:
    spoil(export)
    loaded = goldens.load(export, AUTO)
    assert loaded.runtime == "tensorflow"
    assert loaded.golden_error is not None
    assert loaded.golden_error <= 1e-6
    assert "any SavedModel runs on it; " in loaded.reason
    assert "openvino in float32" in loaded.reason, "why it is not the fast runtime"
    message = refusal(export, OPENVINO)
    assert message.startswith("openvino in float32")
    assert "again" in message
    assert "tensorflow in" not in message


def test_without_a_conversion_auto_takes_tensorflow(export: Export) -> None:
    shutil.rmtree(openvino_path(export.path, "classify").parent)
    assert goldens.load(export, AUTO).runtime == "tensorflow"
    assert "no OpenVINO conversion: choose RUNTIME=tensorflow" in refusal(export, OPENVINO)


def test_each_precision_has_its_own_tolerance(
    export: Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Judged on any CPU: where bfloat16 is not native, float32 stands in for it."""
    tried: list[str] = []
    plain = openvino.load

    def load(path: Path, signatures: Any, placement: runtimes.Placement) -> runtimes.Program:
        tried.append(placement.precision)
        float32 = runtimes.Placement(placement.device, "float32", placement.threads)
        return plain(path, signatures, float32)

    def change(tensors: dict[str, np.ndarray]) -> None:
        tensors[OUTPUT][0, 0] += 0.01

    monkeypatch.setattr(openvino, "precisions", lambda device: ("bfloat16", "float32"))
    monkeypatch.setattr(openvino, "load", load)
    assert goldens.load(export, AUTO).precision == "bfloat16"
    change_manifest(
        export, lambda content: content.update(tolerance={"bfloat16": 0.005, "float32": 0.02})
    )
    change_goldens(export, change)
    loaded = goldens.load(export, AUTO)
    assert loaded.precision == "float32"
    assert "openvino in bfloat16 differs from the goldens by 0.01" in loaded.reason
    assert tried == ["bfloat16", "bfloat16", "float32"]


def test_bfloat16_on_a_cpu_without_it_is_refused(
    export: Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openvino, "precisions", lambda device: ("float32",))
    message = refusal(export, RunOptions(precision="bfloat16", isolation="never"))
    assert "this CPU does not compute in bfloat16: choose PRECISION=float32 or auto" in message
    assert "tensorflow in bfloat16: the runtime 'tensorflow' computes" in message


def test_openvino_is_for_one_cpu(export: Export) -> None:
    for device in ("gpu", "cpu:1", "cpu,cpu:1"):
        message = refusal(export, RunOptions(runtime="openvino", device=device, isolation="never"))
        assert "runs on 'cpu', not on" in message
        assert "choose RUNTIME=tensorflow" in message


def test_a_device_that_is_not_there_is_refused(export: Export) -> None:
    message = refusal(export, RunOptions(device="cpu:7", isolation="never"))
    assert "TensorFlow sees 1 CPU device(s), so there is no 'cpu:7'" in message


def test_a_gpu_without_tensorflow_is_said_in_a_warning(
    export: Export, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(devices, "gpu_count", lambda: 2)
    monkeypatch.setattr(runtimes, "is_installed", lambda name: name != "tensorflow")
    loaded = goldens.load(export, AUTO)
    assert loaded.runtime == "openvino"
    assert "2 GPU(s) found but TensorFlow is not installed" in loaded.reason
    assert "pip install 'lutrin[tensorflow]'" in caplog.text


def test_a_gpu_that_tensorflow_cannot_use_gives_way_to_the_cpu(
    export: Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A driver is there, the libraries that TensorFlow needs are not."""
    monkeypatch.setattr(devices, "gpu_count", lambda: 7)
    loaded = goldens.load(export, AUTO)
    assert loaded.devices == (Device("cpu"),)
    assert loaded.runtime == "openvino"
    assert "7 GPU(s) found but not usable" in loaded.reason
    assert "GPU device(s), so there is no 'gpu" in loaded.reason


def test_a_gpu_asked_for_is_never_replaced(export: Export) -> None:
    assert "so there is no 'gpu:9'" in refusal(
        export, RunOptions(device="gpu:9", isolation="never")
    )


def test_an_export_that_needs_a_missing_runtime_names_its_extra(
    export: Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtimes, "is_installed", lambda name: False)
    assert "pip install 'lutrin[tensorflow]'" in refusal(export)
    assert "pip install 'lutrin[service]'" in refusal(export, OPENVINO)


def test_a_foreign_saved_model_is_served_as_it_is(tmp_path: Path) -> None:
    write_foreign(tmp_path / "half" / "1")
    loaded = goldens.load(find(tmp_path / "half"), AUTO)
    assert (loaded.runtime, loaded.golden_error) == ("tensorflow", None)
    assert "no manifest, so no goldens prove it" in loaded.reason
    answer = loaded.programs[0]["serving_default"]({"x": np.array([[2, 4]], np.float32)})
    np.testing.assert_array_equal(answer["y"], [[3, 4]])


def test_a_foreign_saved_model_is_not_for_openvino(tmp_path: Path) -> None:
    write_foreign(tmp_path / "half" / "1")
    message = refusal(find(tmp_path / "half"), OPENVINO)
    assert "without a manifest runs on TensorFlow: choose RUNTIME=auto" in message


def test_a_models_own_options_go_before_the_global_ones(export: Export) -> None:
    settings = Settings(
        runtime="openvino",
        isolation="never",
        model_options={"shade": ModelOptions(runtime="tensorflow", device="cpu:0")},
    )
    loaded = goldens.load(export, settings.run_options("shade"))
    assert loaded.runtime == "tensorflow"
    assert loaded.reason.startswith("DEVICE=cpu:0; RUNTIME=tensorflow")
    assert goldens.load(export, settings.run_options("other")).runtime == "openvino"
