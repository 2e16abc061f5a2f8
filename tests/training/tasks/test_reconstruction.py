"""Reconstruction learns to restore images, measures how well, and exports what restores them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from service.manifest import Manifest
from tests.training.conftest import write_digits
from training.datasets import mnist
from training.recipe import Recipe
from training.running.run import Result, run
from training.tasks.reconstruction import Reconstruction, measure

RECIPE = Recipe(
    name="tiny-bars-autoencoder",
    description="Restores rows of light.",
    dataset="mnist",
    architecture="autoencoder",
    arguments={"levels": ((4, "max", "nearest"),)},
    task="reconstruction",
    task_arguments={"threshold": 0.2},
    epochs=1,
    batch_size=16,
    learning_rate=0.01,
    validation_fraction=0.25,
)


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Result]:
    """A run of one epoch on tiny data, its export left unproven: `test_export` proves one."""
    root = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATASETS_DIR", str(root))
        patch.setattr("training.exporting.export.prove", lambda folder: None)
        write_digits(root / "mnist.npz")
        yield run(RECIPE, models_dir=root / "models", runs_dir=root / "runs", verbose=False)


def test_the_export_promises_reconstructions(result: Result) -> None:
    manifest = Manifest.read(result.export)
    signature = manifest.signatures["reconstruct"]
    assert signature.inputs["images"].dtype == "uint8"
    assert signature.outputs["reconstructions"].dtype == "float32"
    assert signature.outputs["reconstructions"].shape == (None, 28, 28, 1)
    assert manifest.labels is None
    assert manifest.metrics.keys() == {
        *("test_mse", "test_huber", "test_psnr", "validation_huber", "validation_mse"),
    }


def test_originals_and_reconstructions_are_drawn(result: Result) -> None:
    for figure in ("reconstructions", "loss", "huber", "mse"):
        assert (result.folder / f"{figure}.png").stat().st_size > 5_000


def test_what_goes_in_is_what_is_to_come_out(datasets_dir: Path) -> None:
    for recipe in (RECIPE, RECIPE.override(noise=30.0)):
        task = Reconstruction(recipe, mnist.load())
        images, targets = next(iter(task.training_batches(lambda: 0)))
        assert images.shape == (16, 28, 28, 1)
        assert float(np.max(images)) > 200
        np.testing.assert_allclose(np.asarray(images) / 255, targets, atol=1e-6)


def test_measures_are_what_they_are_called() -> None:
    images = np.zeros((2, 4, 4, 1), np.uint8)
    restored = np.stack([np.full((4, 4, 1), 0.1), np.full((4, 4, 1), 0.5)]).astype(np.float32)
    metrics = measure(images, restored, threshold=0.2)
    assert metrics["test_mse"] == pytest.approx((0.01 + 0.25) / 2)
    assert metrics["test_huber"] == pytest.approx((0.5 * 0.01 + 0.2 * (0.5 - 0.1)) / 2)
    assert metrics["test_psnr"] == pytest.approx((20 + 10 * np.log10(4)) / 2, abs=1e-3)
    assert measure(images, np.zeros_like(restored), 0.2)["test_psnr"] == 100
