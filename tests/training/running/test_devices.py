"""A run over several devices takes the steps of a run on one, and goes on where it stopped."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests import ROOT
from training.datasets import Dataset, Split
from training.recipe import Recipe, Strategy
from training.running import devices
from training.running.fit import Finite, fit
from training.tasks.classification import Classification

RECIPE = Recipe(
    name="tiny",
    description="",
    dataset="mnist",
    architecture="mlp",
    epochs=3,
    batch_size=10,
    averaging=0.5,
    learning_rate=0.01,
    keep="last",
    noise=5,
)


def _dataset() -> Dataset:
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (60, 4, 4, 1), dtype=np.uint8)
    split = Split(images, np.arange(60, dtype=np.int64) % 3)
    return Dataset(split, split, labels=("a", "b", "c"), image_shape=(4, 4, 1))


def _fitted(folder: Path, strategy: Strategy, *, resume: bool = False) -> list[Any]:
    keras.utils.set_random_seed(1)
    recipe = RECIPE.override(strategy=strategy)
    task = Classification(recipe, _dataset())
    with devices.scope(strategy):
        model = task.build()
        fit(model, recipe, task, folder=folder, resume=resume, verbose=False)
    return [*model.get_weights(), model.optimizer.iterations.numpy()]


def compare(folder: Path) -> None:
    """Fit on one of two devices, and on both, interrupted and resumed; runs in a fresh process."""
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    single = _fitted(folder / "single", "one-device")
    judge = Finite.on_epoch_begin

    def interrupt(self: Finite, epoch: int, logs: Any = None) -> None:
        if epoch == 2 and not (folder / "interrupted").exists():
            (folder / "interrupted").touch()
            self.model.stop_training = True
        judge(self, epoch, logs)

    Finite.on_epoch_begin = interrupt  # type: ignore[method-assign] # that is the point
    _fitted(folder / "both", "mirrored")
    assert (folder / "interrupted").exists()
    both = _fitted(folder / "both", "mirrored", resume=True)
    for one, other in zip(single, both, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_two_devices_learn_what_one_does(tmp_path: Path) -> None:
    code = f"from tests.training.running.test_devices import *; compare(Path({str(tmp_path)!r}))"
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr


def test_it_says_where_it_computes(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    with devices.scope("one-device"):
        pass
    first = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    assert f"computes on {first[0].name.removeprefix('/device:')}" in caplog.text


def test_the_precision_is_that_of_what_is_built_within() -> None:
    with devices.computing("mixed_bfloat16"):
        layer = keras.layers.Dense(2)
    assert (layer.compute_dtype, layer.variable_dtype) == ("bfloat16", "float32")
    assert keras.layers.Dense(2).compute_dtype == "float32"
