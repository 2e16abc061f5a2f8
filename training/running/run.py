"""One training run, top to bottom: seed → data → build → fit → evaluate → figures → export."""

from __future__ import annotations

import csv
import json
import logging
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from service.manifest import Manifest
from training import catalogue
from training.analysis import plots
from training.errors import ExportError, TrainingFailed, UsageError
from training.exporting import signatures
from training.exporting.export import export
from training.exporting.provenance import provenance
from training.recipe import Recipe
from training.running import checkpoint, devices
from training.running.checkpoint import History
from training.running.fit import EVENTS, fit
from training.tasks import Serving, Task

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


@dataclass(frozen=True)
class Trained:
    """A fitted model and what it was fitted with."""

    dataset: Any
    task: Task
    model: keras.Model
    history: History


def run(
    recipe: Recipe,
    *,
    models_dir: Path,
    runs_dir: Path,
    resume: bool = False,
    verbose: bool = True,
) -> Result:
    """Train a recipe and export what came of it.

    While it runs, its state after each epoch and its event log stand in `runs_dir/<name>`; with
    `resume` it goes on from there, else it starts anew.

    Raises:
        UsageError: the architecture cannot take the data set's examples, or the state is not
            there, cannot be read or is of another run.
        DatasetError: the data set is missing or broken.
        TrainingFailed: a loss is no finite number any more, or the state or the run's folder
            cannot be written.
        ExportError: a folder cannot be written, which is found before training, or the model
            could not be exported.

    Whatever fails or interrupts a run, nothing half-made is left in `models_dir`, and in
    `runs_dir` what `resume` goes on from.
    """
    _try_to_write(models_dir)  # found out now, not after minutes of training
    workplace = _hidden_folder(runs_dir, ".run-")
    try:
        return _run(recipe, workplace, models_dir=models_dir, resume=resume, verbose=verbose)
    finally:
        shutil.rmtree(workplace, ignore_errors=True)


def _run(
    recipe: Recipe, workplace: Path, *, models_dir: Path, resume: bool, verbose: bool
) -> Result:
    started = time.monotonic()
    runs = workplace.parent / recipe.name
    fitted = train(recipe, folder=runs, resume=resume, verbose=verbose)
    dataset, task, history = fitted.dataset, fitted.task, fitted.history
    # anew, in float32 on one device: the optimizer's state, thrice the weights, stays here
    trained = _build(task, recipe)
    trained.set_weights(fitted.model.get_weights())

    folder = workplace / recipe.name
    # all of it before the export: where it cannot be written, there is no export without it
    with _writing(f"the run's figures, history and settings cannot be written into {runs}"):
        folder.mkdir()
        metrics = {**task.evaluate(trained, folder), **_validated(recipe, history)}
        minutes = round((time.monotonic() - started) / 60, 2)
        logger.info("%s in %.1f min", ", ".join(f"{k} {v:g}" for k, v in metrics.items()), minutes)
        _draw_curves(folder, recipe, history)
        _write_history(folder / "history.csv", history)
        _write_settings(folder / "settings.json", recipe, dataset, metrics, minutes)
    exported = _export(trained, recipe, task.serving(trained), metrics, models_dir)
    with _writing(f"{exported} is whole, but its run's figures cannot be moved into {runs}"):
        return Result(exported, _file_away(folder, runs, exported.name), metrics)


@contextmanager
def _writing(failure: str) -> Iterator[None]:
    """Tell what the disk refuses as one sentence that begins with `failure`.

    Raises:
        TrainingFailed: something cannot be written.
    """
    try:
        yield
    except OSError as error:
        raise TrainingFailed(
            f"{failure}: {error.strerror or error}; make room there, or the folder writable, "
            "then run again"
        ) from error


def train(recipe: Recipe, *, folder: Path, resume: bool = False, verbose: bool = True) -> Trained:
    """The first half of a run: seed → data → build → fit; nothing is evaluated or exported.

    Args:
        recipe: what to train.
        folder: where the run's state and its event log stand.
        resume: go on from a state there.
        verbose: show a progress bar.

    Raises:
        UsageError, DatasetError, TrainingFailed: as `run`.
    """
    keras.utils.set_random_seed(recipe.seed)
    dataset = catalogue.get("dataset", recipe.dataset)()
    task: Task = catalogue.get("task", recipe.task)(recipe, dataset, **recipe.task_arguments)
    with devices.scope(recipe.strategy):
        with devices.computing(recipe.precision):
            model = _build(task, recipe)
        history = fit(model, recipe, task, folder=folder, resume=resume, verbose=verbose)
    return Trained(dataset, task, model, history)


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


def _build(task: Task, recipe: Recipe) -> keras.Model:
    try:
        return task.build()
    except ValueError as error:  # an architecture's own checks, or Keras' of its shapes
        reason = str(error).strip().partition("\n")[0]
        raise UsageError(
            f"the architecture {recipe.architecture} cannot be built for {recipe.dataset}: {reason}"
        ) from error


def kept(recipe: Recipe, history: History) -> int:
    """The index of the epoch whose weights `fit` kept."""
    if recipe.keep == "last":
        return len(history["loss"]) - 1
    return int(np.argmin(history["val_loss"]))


def _validated(recipe: Recipe, history: History) -> dict[str, float]:
    """The metrics on the examples held out, by the weights kept; the test set is no validation."""
    if recipe.validation == "test":
        return {}
    best = kept(recipe, history)
    names = (name for name in history if name.startswith("val_") and name != "val_loss")
    return {
        f"validation_{name.removeprefix('val_')}": round(history[name][best], 6) for name in names
    }


def _export(
    model: keras.Model,
    recipe: Recipe,
    serving: Serving,
    metrics: Mapping[str, float],
    models_dir: Path,
) -> Path:
    served = serving.signatures
    manifest = Manifest(
        description=recipe.description,
        signatures={name: each.promise for name, each in served.items()},
        image=serving.image,
        text=serving.text,
        embeddings=serving.embeddings,
        labels=serving.labels,
        metrics=dict(metrics),
        provenance=provenance({"recipe": recipe.name, **recipe.settings()}),
        license=recipe.license,
    )
    return export(
        model,
        {name: each.function for name, each in served.items()},
        manifest,
        {
            name: (each.inputs, signatures.live(each.function, each.inputs))
            for name, each in served.items()
        },
        name=recipe.name,
        models_dir=models_dir,
        tokenizer=serving.tokenizer,
    )


def _draw_curves(folder: Path, recipe: Recipe, history: History) -> None:
    title = f"{recipe.name}, seed {recipe.seed}"
    for what in [name for name in history if f"val_{name}" in history]:
        curves = history[what], history[f"val_{what}"]
        path = folder / f"{what}.png"
        plots.save_curves(path, *curves, kept=kept(recipe, history), what=what, title=title)


def _write_history(path: Path, history: History) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["epoch", *history])
        for epoch, row in enumerate(zip(*history.values(), strict=True), start=1):
            writer.writerow([epoch, *(f"{value:.6f}" for value in row)])


def _write_settings(
    path: Path, recipe: Recipe, dataset: Any, metrics: Mapping[str, float], minutes: float
) -> None:
    log = {
        "recipe": recipe.name,
        "task": recipe.task,
        "task_arguments": dict(recipe.task_arguments),
        "dataset": recipe.dataset,
        "architecture": recipe.architecture,
        "arguments": dict(recipe.arguments),
        "knobs": recipe.settings(),
        "examples": {"train": len(dataset.train), "test": len(dataset.test)},
        "metrics": dict(metrics),
        "minutes": minutes,
        "made_by": provenance({}),
    }
    path.write_text(json.dumps(log, indent=2, default=str) + "\n", encoding="utf-8")


def _file_away(folder: Path, runs: Path, version: str) -> Path:
    """Move a run beside its export's version; a run of an export that is gone moves aside.

    What it needed to go on from is not needed any more; its event log moves along.
    """
    runs.mkdir(parents=True, exist_ok=True)
    target = runs / version
    if target.exists():
        earlier = len(list(runs.glob(f"{version}.*"))) + 1
        target.rename(runs / f"{version}.{earlier}")
    if (runs / EVENTS).exists():
        (runs / EVENTS).rename(folder / EVENTS)
    folder.rename(target)
    (runs / checkpoint.FILE).unlink(missing_ok=True)
    return target
