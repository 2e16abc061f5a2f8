"""OpenVINO: answers that last, inputs that are checked, memory that is given back."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import weakref
from pathlib import Path

import numpy as np
import pytest

from service.errors import InferenceFailed, InvalidExport, InvalidInput
from service.machine.devices import Device
from service.manifest import Manifest
from service.runtimes import Function, Placement, openvino
from tests.exports import write_mixer

CPU = Placement(Device("cpu"), "float32", threads=0)


@pytest.fixture(scope="module")
def classify(models_dir: Path) -> Function:
    export = models_dir / "shade" / "1"
    return openvino.load(export, Manifest.read(export).signatures, CPU)["classify"]


@pytest.fixture(scope="module")
def mixer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "mixer" / "1"
    write_mixer(folder)
    return folder


@pytest.fixture(scope="module")
def mix(mixer: Path) -> Function:
    return openvino.load(mixer, Manifest.read(mixer).signatures, CPU)["mix"]


def images(count: int = 4, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 8, 8, 1), np.uint8)


def test_answers_survive_the_next_calls(classify: Function) -> None:
    first = classify({"images": images()})["probabilities"]
    kept = first.copy()
    for seed in range(1, 4):
        classify({"images": images(seed=seed)})
    np.testing.assert_array_equal(first, kept)


def test_inputs_are_read_as_they_lie(classify: Function) -> None:
    plain = images()
    expected = classify({"images": plain})["probabilities"]
    read_only = plain.copy()
    read_only.flags.writeable = False
    for same in (
        np.asfortranarray(plain),
        np.repeat(plain, 2, axis=2)[:, :, ::2],
        read_only,
        np.frombuffer(plain.tobytes(), np.uint8).reshape(plain.shape),
    ):
        np.testing.assert_array_equal(classify({"images": same})["probabilities"], expected)
    backwards = classify({"images": plain[::-1]})["probabilities"]
    np.testing.assert_allclose(backwards, expected[::-1], rtol=0, atol=1e-6)


def test_batches_grow_and_shrink(classify: Function) -> None:
    everything = classify({"images": images(40)})["probabilities"]
    for count in (1, 40, 3, 33, 2, 0, 5):
        answer = classify({"images": images(40)[:count]})["probabilities"]
        assert answer.shape == (count, 3)
        np.testing.assert_allclose(answer, everything[:count], rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("inputs", "reason"),
    [
        ({}, "the tensors are images; got none"),
        ({"image": images()}, "the tensors are images; got image"),
        ({"images": images(), "more": images()}, "got images, more"),
        ({"images": images().astype(np.float32)}, "got float32 [4, 8, 8, 1]"),
        ({"images": images().astype(np.int64)}, "got int64 [4, 8, 8, 1]"),
        ({"images": images()[0]}, "is uint8 [any, 8, 8, 1]; got uint8 [8, 8, 1]"),
        ({"images": images()[:, :7]}, "got uint8 [4, 7, 8, 1]"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(
    classify: Function, inputs: dict[str, np.ndarray], reason: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        classify(inputs)
    assert reason in caught.value.message
    assert classify({"images": images()})["probabilities"].shape == (4, 3), "and it goes on"


def test_one_tensor_of_two_names_and_a_scalar(mix: Function) -> None:
    inputs = {
        "a": np.array([[1, 2], [3, 4]], np.float32),
        "b": np.array([[1, 2, 3], [4, 5, 6]], np.float32),
    }
    answer = mix(inputs)
    assert list(answer) == ["total", "same", "mean"]
    np.testing.assert_allclose(answer["total"], [[3, 4], [8, 9]])
    np.testing.assert_allclose(answer["same"], answer["total"])
    assert answer["mean"].shape == ()
    assert answer["mean"] == 6


def test_an_input_left_out_is_never_the_one_of_the_call_before(mix: Function) -> None:
    a, b = np.ones((2, 2), np.float32), np.ones((2, 3), np.float32)
    mix({"a": a, "b": b})
    with pytest.raises(InvalidInput, match="the tensors are a, b; got a"):
        mix({"a": a})


@pytest.mark.parametrize("rows", [(2, 3), (1, 3), (3, 0)])
def test_inputs_of_different_lengths_are_refused(mix: Function, rows: tuple[int, int]) -> None:
    """OpenVINO itself answers zeros or broadcasts, without a word."""
    with pytest.raises(InvalidInput, match=r"rows: each takes the same number"):
        mix({"a": np.ones((rows[0], 2), np.float32), "b": np.ones((rows[1], 4), np.float32)})


def test_a_failure_of_the_runtime_is_told_from_a_wrong_request(
    mix: Function, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Exhausted:
        def set_tensor(self, port: object, tensor: object) -> None:
            pass

        def infer(self, share_outputs: bool) -> object:
            raise RuntimeError("Exception from src/infer_request.cpp:67:\nout of memory.\n\n")

    monkeypatch.setattr(mix, "_request", Exhausted())
    ones = {"a": np.ones((3, 2), np.float32), "b": np.ones((3, 4), np.float32)}
    with pytest.raises(InferenceFailed, match=r"^OpenVINO failed: out of memory$"):
        mix(ones)


@pytest.mark.parametrize("threads", [1, 2])
def test_threads_are_as_they_were_asked_for(models_dir: Path, threads: int) -> None:
    export = models_dir / "shade" / "1"
    placement = Placement(Device("cpu"), "float32", threads)
    function = openvino.load(export, Manifest.read(export).signatures, placement)["classify"]
    assert isinstance(function, openvino._Function)
    compiled = function._request.get_compiled_model()
    assert compiled.get_property("INFERENCE_NUM_THREADS") == threads
    assert str(compiled.get_property("INFERENCE_PRECISION_HINT")) == "<Type: 'float32'>"


@pytest.mark.parametrize(("row_seconds", "threads"), [(0.0001, 1), (0.5, 0)])
def test_small_models_get_one_thread_and_larger_ones_all_cores(
    models_dir: Path, monkeypatch: pytest.MonkeyPatch, row_seconds: float, threads: int
) -> None:
    asked: list[int] = []
    plain = openvino._compiled

    def compiled(model: object, placement: Placement, threads: int, lanes: int) -> object:
        asked.append(threads)
        return plain(model, placement, threads, lanes)

    monkeypatch.setattr(openvino, "_compiled", compiled)
    monkeypatch.setattr(openvino._Function, "row_seconds", lambda self: row_seconds)
    export = models_dir / "shade" / "1"
    openvino.load(export, Manifest.read(export).signatures, CPU)
    assert asked[0] == 1
    assert asked[-1] == threads or threads == 1


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="only Linux says")
@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="there is one core")
def test_a_run_may_be_on_any_core(classify: Function) -> None:
    # held to the first, runs of several models or processes would share it, whoever else idles
    stop, batch = threading.Event(), {"images": images(256)}

    def run() -> None:
        while not stop.is_set():
            classify(batch)

    runner = threading.Thread(target=run)
    runner.start()
    try:
        ids = runner.native_id or 0
        seen = {frozenset(os.sched_getaffinity(ids)) for _ in range(20_000)}
    finally:
        stop.set()
        runner.join()
    assert seen == {frozenset(os.sched_getaffinity(0))}


def test_the_last_reference_frees_the_model(models_dir: Path) -> None:
    export = models_dir / "shade" / "1"
    program = openvino.load(export, Manifest.read(export).signatures, CPU)
    program["classify"]({"images": images()})
    alive = weakref.ref(program["classify"])
    del program
    gc.collect()
    assert alive() is None


def test_bfloat16_is_offered_where_the_cpu_has_it(models_dir: Path) -> None:
    export = models_dir / "shade" / "1"
    native = openvino.precisions(Device("cpu"))
    assert native in (("float32",), ("bfloat16", "float32"))
    placement = Placement(Device("cpu"), "bfloat16", 0)
    signatures = Manifest.read(export).signatures
    if "bfloat16" in native:
        answer = openvino.load(export, signatures, placement)["classify"]({"images": images()})
        assert answer["probabilities"].dtype == np.float32
    else:
        with pytest.raises(InvalidExport, match="does not compute in bfloat16"):
            openvino.load(export, signatures, placement)


def test_nothing_is_reported_to_anybody() -> None:
    code = (
        "import service.runtimes.openvino, sys; "
        "assert sys.modules['openvino_telemetry'] is None; "
        "assert not [name for name in sys.modules if name.startswith('openvino_telemetry.')]"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
