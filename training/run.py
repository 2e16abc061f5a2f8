"""One training run, top to bottom: seed → data → build → fit → evaluate → figures → export."""

from __future__ import annotations

import csv
import json
import logging
import shutil
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from service.manifest import ImageInput, Manifest
from training import catalogue, figures, goldens, pipeline, signatures
from training.checkpoint import History
from training.datasets import Dataset
from training.errors import ExportError
from training.export import export
from training.fitting import fit
from training.provenance import provenance
from training.recipe import Recipe

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Result:
    """What a run left behind."""

    export: Path
    """models/<name>/<version>"""
    folder: Path
    """runs/<name>/<version>: history, figures and settings."""
    metrics: Mapping[str, float]
    """What the manifest says was measured."""


def run(
    recipe: Recipe,
    *,
    models_dir: Path,
    runs_dir: Path,
    resume: bool = False,
    verbose: bool = True,
) -> Result:
    """Train a recipe and export what came of it.

    While it runs, its state after each epoch stands in `runs_dir/<name>/checkpoint.npz`; with
    `resume` it goes on from there, else it starts anew.

    Raises:
        DatasetError: the data set is missing or broken.
        TrainingFailed: the loss is no finite number any more.
        ExportError: a folder cannot be written, which is found before training, or the model
            could not be exported.

    Whatever fails or interrupts a run, nothing half-made is left in `models_dir` or `runs_dir`.
    """
    _try_to_write(models_dir)  # found out now, not after minutes of training
    workplace = _hidden_folder(runs_dir, ".run-")
    checkpoint = runs_dir / recipe.name / "checkpoint.npz"
    if not resume:
        checkpoint.unlink(missing_ok=True)
    try:
        result = _run(recipe, workplace, checkpoint, models_dir=models_dir, verbose=verbose)
        checkpoint.unlink(missing_ok=True)
        return result
    finally:
        shutil.rmtree(workplace, ignore_errors=True)


def _run(
    recipe: Recipe, workplace: Path, checkpoint: Path, *, models_dir: Path, verbose: bool
) -> Result:
    started = time.monotonic()
    keras.utils.set_random_seed(recipe.seed)
    dataset: Dataset = catalogue.get("dataset", recipe.dataset)()
    model = _build(recipe, dataset)
    history = fit(model, recipe, dataset, checkpoint=checkpoint, verbose=verbose)
    probabilities = predict(model, dataset.test.images)
    metrics = measure(probabilities, dataset.test.labels)
    metrics["validation_accuracy"] = round(history["val_accuracy"][_kept(recipe, history)], 6)
    minutes = round((time.monotonic() - started) / 60, 2)
    logger.info("test accuracy %.2f %% in %.1f min", 100 * metrics["test_accuracy"], minutes)

    folder = workplace / recipe.name
    folder.mkdir()
    _write_history(folder / "history.csv", history)
    _draw(folder, recipe, dataset, history, probabilities)
    exported = _export(model, recipe, dataset, metrics, models_dir)
    _write_settings(folder / "settings.json", recipe, dataset, metrics, minutes)
    runs = workplace.parent / recipe.name
    return Result(exported, _file_away(folder, runs, exported.name), metrics)


def _try_to_write(folder: Path) -> None:
    is_new = not folder.exists()
    _hidden_folder(folder, ".try-").rmdir()
    if is_new:
        folder.rmdir()


def _hidden_folder(parent: Path, prefix: str) -> Path:
    """A new folder of ours in `parent`.

    Raises:
        ExportError: nothing can be written there.
    """
    try:
        parent.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    except OSError as error:
        raise ExportError(
            f"nothing can be written into {parent}: {error.strerror}: "
            "make the folder writable or choose another"
        ) from error


def predict(model: keras.Model, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Probabilities float32 (N, K) for images uint8 (N, H, W, C), by a model that gives logits."""
    logits = model.predict(pipeline.image_batches(images), verbose=0)
    probabilities: NDArray[np.float32] = tf.nn.softmax(logits).numpy()
    return probabilities


def measure(probabilities: NDArray[np.float32], truth: NDArray[np.int64]) -> dict[str, float]:
    """Accuracy (0–1) and mean cross-entropy (nats) on the test images, (N, K) against (N,)."""
    right = probabilities[np.arange(len(truth)), truth]
    accuracy = float(np.mean(probabilities.argmax(axis=1) == truth))
    loss = float(np.mean(-np.log(np.maximum(right, 1e-12))))
    return {"test_accuracy": round(accuracy, 6), "test_loss": round(loss, 6)}


def _kept(recipe: Recipe, history: History) -> int:
    """The index of the epoch whose weights `fit` kept."""
    if recipe.keep == "last":
        return len(history["loss"]) - 1
    return int(np.argmin(history["val_loss"]))


def _build(recipe: Recipe, dataset: Dataset) -> keras.Model:
    build = catalogue.get("architecture", recipe.architecture)
    return build(dataset.image_shape, len(dataset.labels), **recipe.arguments)


def _export(
    model: keras.Model,
    recipe: Recipe,
    dataset: Dataset,
    metrics: Mapping[str, float],
    models_dir: Path,
) -> Path:
    trained = _build(recipe, dataset)  # anew: the optimizer's state, thrice the weights, stays here
    trained.set_weights(model.get_weights())
    height, width, channels = dataset.image_shape
    image = ImageInput.model_validate(
        {
            "height": height,
            "width": width,
            "channels": channels,
            "fit": recipe.fit,
            "resample": recipe.resample,
        }
    )
    classify = signatures.classify(trained, image)
    inputs = {"images": goldens.made(height, width, channels)}
    manifest = Manifest(
        description=recipe.description,
        signatures={"classify": signatures.classify_promise(image, len(dataset.labels))},
        image=image,
        labels=dataset.labels,
        metrics=dict(metrics),
        provenance=provenance({"recipe": recipe.name, **recipe.settings()}),
        license=recipe.license,
    )
    return export(
        trained,
        {"classify": classify},
        manifest,
        {"classify": (inputs, signatures.live(classify, inputs))},
        name=recipe.name,
        models_dir=models_dir,
    )


def _draw(
    folder: Path,
    recipe: Recipe,
    dataset: Dataset,
    history: History,
    probabilities: NDArray[np.float32],
) -> None:
    title = f"{recipe.name}, seed {recipe.seed}"
    for what in ("loss", "accuracy"):
        curves = history[what], history[f"val_{what}"]
        path = folder / f"{what}.png"
        figures.save_curves(path, *curves, kept=_kept(recipe, history), what=what, title=title)
    truth = dataset.test.labels
    guesses = probabilities.argmax(axis=1)
    figures.save_confusion(folder / "confusion.png", truth, guesses, dataset.labels)
    figures.save_mistakes(
        folder / "mistakes.png", dataset.test.images, truth, probabilities, dataset.labels
    )


def _write_history(path: Path, history: History) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["epoch", *history])
        for epoch, row in enumerate(zip(*history.values(), strict=True), start=1):
            writer.writerow([epoch, *(f"{value:.6f}" for value in row)])


def _write_settings(
    path: Path, recipe: Recipe, dataset: Dataset, metrics: Mapping[str, float], minutes: float
) -> None:
    log = {
        "recipe": recipe.name,
        "dataset": recipe.dataset,
        "architecture": recipe.architecture,
        "arguments": dict(recipe.arguments),
        "knobs": recipe.settings(),
        "images": {"train": len(dataset.train), "test": len(dataset.test)},
        "metrics": dict(metrics),
        "minutes": minutes,
        "made_by": provenance({}),
    }
    path.write_text(json.dumps(log, indent=2) + "\n", encoding="utf-8")


def _file_away(folder: Path, runs: Path, version: str) -> Path:
    """Move a run beside its export's version; a run of an export that is gone moves aside."""
    runs.mkdir(parents=True, exist_ok=True)
    target = runs / version
    if target.exists():
        earlier = len(list(runs.glob(f"{version}.*"))) + 1
        target.rename(runs / f"{version}.{earlier}")
    folder.rename(target)
    return target
