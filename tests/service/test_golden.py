"""Proof by goldens: what is refused and how it is explained, and which way of running is chosen."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from service import devices, golden, runtimes
from service.devices import Device
from service.errors import InvalidExport
from service.manifest import Manifest, golden_path, manifest_path, openvino_path
from service.runtimes import openvino
from service.settings import ModelOptions, RunOptions, Settings
from service.store import Export, find
from tests.exports import write_foreign

AUTO = RunOptions()
OPENVINO = RunOptions(runtime="openvino", precision="float32")
TENSORFLOW = RunOptions(runtime="tensorflow")
INPUT, OUTPUT = "classify/inputs/images", "classify/outputs/probabilities"


@pytest.fixture
def export(models_dir: Path, tmp_path: Path) -> Export:
    """A copy of a sound export, to be broken."""
    return find(shutil.copytree(models_dir / "shade" / "1", tmp_path / "shade" / "1"))


@pytest.fixture(autouse=True)
def _no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same choices on every machine."""
    monkeypatch.setattr(devices, "gpu_count", lambda: 0)


def refusal(export: Export, options: RunOptions = AUTO) -> str:
    with pytest.raises(InvalidExport) as caught:
        golden.load(export, options)
    return caught.value.message


def change_goldens(export: Export, change: Callable[[dict[str, Any]], None]) -> None:
    path = golden_path(export.path)
    with np.load(path) as arrays:
        tensors: dict[str, Any] = dict(arrays)
    change(tensors)
    np.savez(path, **tensors)


def change_manifest(export: Export, change: Callable[[dict[str, Any]], None]) -> None:
    path = manifest_path(export.path)
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def corrupt_weights(export: Export) -> None:
    """Turn the conversion's weights into others of the same size."""
    path = openvino_path(export.path, "classify").with_suffix(".bin")
    path.write_bytes(bytes(byte ^ 0x11 for byte in path.read_bytes()))


def test_a_sound_export_is_proven_and_says_how_it_runs(export: Export) -> None:
    loaded = golden.load(export, AUTO)
    assert loaded.runtime == "openvino"
    assert loaded.golden_error is not None
    assert loaded.golden_error <= 1e-4 or loaded.precision == "bfloat16"
    assert loaded.reason.startswith("no GPU found; converted for the CPU")
    assert loaded.devices == (Device("cpu"),)


@pytest.mark.parametrize("options", [OPENVINO, TENSORFLOW])
def test_a_runtime_asked_for_is_the_one_that_runs(export: Export, options: RunOptions) -> None:
    loaded = golden.load(export, options)
    assert loaded.runtime == options.runtime
    assert f"RUNTIME={options.runtime}" in loaded.reason
    assert loaded.golden_error is not None
    assert loaded.golden_error <= 1e-6


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


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


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
    [_cut, _flip, _as_array, _as_pickle, Path.unlink, lambda path: path.write_text("nonsense")],
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
    assert "manifest.json is not as it must be: as a whole: Invalid JSON" in refusal(export)


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
    _cut(export.path / file)
    if file == "fingerprint.pb":  # tells builds apart, holds nothing of the model
        assert golden.load(export, TENSORFLOW).runtime == "tensorflow"
        return
    message = refusal(export, TENSORFLOW)
    assert message.startswith("tensorflow in float32: TensorFlow cannot load the SavedModel: ")
    assert message.endswith("export it again")
    assert "\n" not in message


def _without_weights(export: Export) -> None:
    openvino_path(export.path, "classify").with_suffix(".bin").unlink()


def _with_cut_weights(export: Export) -> None:
    _cut(openvino_path(export.path, "classify").with_suffix(".bin"))


def _with_cut_graph(export: Export) -> None:
    _cut(openvino_path(export.path, "classify"))


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
    loaded = golden.load(export, AUTO)
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
    assert golden.load(export, AUTO).runtime == "tensorflow"
    assert "no OpenVINO conversion: choose RUNTIME=tensorflow" in refusal(export, OPENVINO)


def test_the_tolerance_is_the_manifests(export: Export) -> None:
    def change(tensors: dict[str, np.ndarray]) -> None:
        tensors[OUTPUT][0, 0] += 0.01

    change_goldens(export, change)
    assert "allows 0.0001" in refusal(export, OPENVINO)
    change_manifest(export, lambda content: content.update(tolerance={"float32": 0.02}))
    loaded = golden.load(export, OPENVINO)
    assert loaded.golden_error == pytest.approx(0.01, abs=1e-4)


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
    assert golden.load(export, AUTO).precision == "bfloat16"
    change_manifest(
        export, lambda content: content.update(tolerance={"bfloat16": 0.005, "float32": 0.02})
    )
    change_goldens(export, change)
    loaded = golden.load(export, AUTO)
    assert loaded.precision == "float32"
    assert "openvino in bfloat16 differs from the goldens by 0.01" in loaded.reason
    assert tried == ["bfloat16", "bfloat16", "float32"]


def test_bfloat16_on_a_cpu_without_it_is_refused(
    export: Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openvino, "precisions", lambda device: ("float32",))
    message = refusal(export, RunOptions(precision="bfloat16"))
    assert "this CPU does not compute in bfloat16: choose PRECISION=float32 or auto" in message
    assert "tensorflow in bfloat16: the runtime 'tensorflow' computes" in message


def test_openvino_is_for_one_cpu(export: Export) -> None:
    for device in ("gpu", "cpu:1", "cpu,cpu:1"):
        message = refusal(export, RunOptions(runtime="openvino", device=device))
        assert "runs on 'cpu', not on" in message
        assert "choose RUNTIME=tensorflow" in message


def test_a_device_that_is_not_there_is_refused(export: Export) -> None:
    message = refusal(export, RunOptions(device="cpu:7"))
    assert "TensorFlow sees 1 CPU device(s), so there is no 'cpu:7'" in message


def test_a_gpu_without_tensorflow_is_said_in_a_warning(
    export: Export, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(devices, "gpu_count", lambda: 2)
    monkeypatch.setattr(runtimes, "is_installed", lambda name: name != "tensorflow")
    loaded = golden.load(export, AUTO)
    assert loaded.runtime == "openvino"
    assert "2 GPU(s) found but TensorFlow is not installed" in loaded.reason
    assert "pip install 'lutrin[tensorflow]'" in caplog.text


def test_a_gpu_that_tensorflow_cannot_use_gives_way_to_the_cpu(
    export: Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A driver is there, the libraries that TensorFlow needs are not."""
    monkeypatch.setattr(devices, "gpu_count", lambda: 7)
    loaded = golden.load(export, AUTO)
    assert loaded.devices == (Device("cpu"),)
    assert loaded.runtime == "openvino"
    assert "7 GPU(s) found but not usable" in loaded.reason
    assert "GPU device(s), so there is no 'gpu" in loaded.reason


def test_a_gpu_asked_for_is_never_replaced(export: Export) -> None:
    assert "so there is no 'gpu:9'" in refusal(export, RunOptions(device="gpu:9"))


def test_an_export_that_needs_a_missing_runtime_names_its_extra(
    export: Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtimes, "is_installed", lambda name: False)
    assert "pip install 'lutrin[tensorflow]'" in refusal(export)
    assert "pip install 'lutrin[service]'" in refusal(export, OPENVINO)


def test_a_foreign_saved_model_is_served_as_it_is(tmp_path: Path) -> None:
    write_foreign(tmp_path / "half" / "1")
    loaded = golden.load(find(tmp_path / "half"), AUTO)
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
        model_options={"shade": ModelOptions(runtime="tensorflow", device="cpu:0")},
    )
    loaded = golden.load(export, settings.run_options("shade"))
    assert loaded.runtime == "tensorflow"
    assert loaded.reason.startswith("DEVICE=cpu:0; RUNTIME=tensorflow")
    assert golden.load(export, settings.run_options("other")).runtime == "openvino"


def test_serving_by_openvino_never_imports_tensorflow(export: Export) -> None:
    _in_a_fresh_process(
        export,
        """
loaded = golden.load(export, RunOptions(device="cpu"))
assert loaded.runtime == "openvino"
heavy = {"tensorflow", "keras"} & sys.modules.keys()
assert not heavy, heavy
""",
    )


def test_several_devices_hold_a_copy_each_and_all_are_used(export: Export) -> None:
    _in_a_fresh_process(
        export,
        """
import asyncio, threading
import numpy as np
import tensorflow as tf
[cpu] = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from service.batching import Batcher
from service.errors import InvalidExport
from service.model import Model
from service.settings import Settings

loaded = golden.load(export, RunOptions(device="cpu:0,cpu:1"))
assert loaded.runtime == "tensorflow" and len(loaded.programs) == 2, loaded
assert loaded.reason.startswith("DEVICE=cpu:0,cpu:1"), loaded.reason
functions = [program["classify"] for program in loaded.programs]
homes = [{v.device for v in function._function.variables} for function in functions]
assert [len(home) for home in homes] == [1, 1], homes
assert [min(home)[-5:] for home in homes] == ["CPU:0", "CPU:1"], homes

together, used = threading.Barrier(2), []
def worker(index):
    def run(rows):
        used.append(index)
        together.wait(30)  # passes only while both devices work
        return list(functions[index]({"images": np.stack(rows)})["probabilities"])
    return run

async def main():
    batcher = Batcher([worker(0), worker(1)], name="b", max_batch_size=4, max_queue=99)
    images = np.random.default_rng(0).integers(0, 256, (8, 8, 8, 1), np.uint8)
    answers = await batcher.submit(list(images))
    expected = functions[0]({"images": images})["probabilities"]
    assert np.abs(np.stack(answers) - expected).max() < 1e-5
    assert sorted(used) == [0, 1], used
    await batcher.close()
asyncio.run(main())

try:
    golden.load(export, RunOptions(device="cpu:0,cpu:2"))
except InvalidExport as error:
    assert "TensorFlow sees 2 CPU device(s), so there is no 'cpu:2'" in error.message
else:
    raise AssertionError("a device that is not there was taken")
""",
    )


def _in_a_fresh_process(export: Export, code: str) -> None:
    start = f"""
import sys
from pathlib import Path
from service import golden
from service.settings import RunOptions
from service.store import find
export = find(Path({str(export.path)!r}))
"""
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", start + code]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_what_a_manifest_promises_and_the_saved_model_lacks_is_named(export: Export) -> None:
    manifest = Manifest.read(export.path)
    signature = manifest.signatures["classify"]
    with pytest.raises(InvalidExport, match=r"no signature guess; it has classify: export it"):
        runtimes.get("tensorflow").load(
            export.path, {"guess": signature}, runtimes.Placement(Device("cpu"), "float32", 0)
        )
