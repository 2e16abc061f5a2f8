"""What only a fresh process shows: what is imported, and several devices of TensorFlow."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from service.exports.folder import Export, find
from tests import ROOT


@pytest.fixture
def export(models_dir: Path, tmp_path: Path) -> Export:
    """A copy of a sound export, to be broken."""
    return find(shutil.copytree(models_dir / "shade" / "1", tmp_path / "shade" / "1"))


def _in_a_fresh_process(export: Export, code: str) -> None:
    start = f"""
import sys
from pathlib import Path
from service.loading import goldens
from service.settings import RunOptions
from service.exports.folder import find
export = find(Path({str(export.path)!r}))
"""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", start + code]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_serving_by_openvino_never_imports_tensorflow(export: Export) -> None:
    _in_a_fresh_process(
        export,
        """
loaded = goldens.load(export, RunOptions(device="cpu"))
assert loaded.runtime == "openvino"
heavy = {"tensorflow", "keras"} & sys.modules.keys()
assert not heavy, heavy
""",
    )


def test_serving_by_tensorflow_never_imports_it_into_the_service(export: Export) -> None:
    _in_a_fresh_process(
        export,
        """
loaded = goldens.load(export, RunOptions(runtime="tensorflow", device="cpu"))
assert loaded.runtime == "tensorflow" and loaded.golden_error < 1e-6, loaded
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
from service.batching.batcher import Batcher
from service.errors import InvalidExport
from service.repository.model import Model
from service.settings import Settings
from tests import ROOT

loaded = goldens.load(export, RunOptions(device="cpu:0,cpu:1", isolation="never"))
assert loaded.runtime == "tensorflow" and len(loaded.programs) == 2, loaded
assert loaded.reason.startswith("DEVICE=cpu:0,cpu:1"), loaded.reason
functions = [program["classify"] for program in loaded.programs]
homes = [
    {op.device for op in function._graph._graph.get_operations() if op.type == "VarHandleOp"}
    for function in functions
]
devices = [device.name for device in functions[1]._graph._session.list_devices()]
assert [name[-5:] for name in devices] == ["CPU:0", "CPU:1"], devices
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
    goldens.load(export, RunOptions(device="cpu:0,cpu:2", isolation="never"))
except InvalidExport as error:
    assert "TensorFlow sees 2 CPU device(s), so there is no 'cpu:2'" in error.message
else:
    raise AssertionError("a device that is not there was taken")
""",
    )
