"""Sweeps: a recipe trained at every point of a grid of knobs, and what its validation measured.

Points are compared by their validation alone. The test set is not even looked at: the best of many
numbers measured on it would be chosen for its luck there, and no longer say how well the model does
on images never seen (Hastie, Tibshirani and Friedman, 2009, §7.2).
"""

from __future__ import annotations

import csv
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import product
from multiprocessing import active_children, get_context
from pathlib import Path
from typing import Any, Final

from training.errors import DatasetError, ExportError, TrainingError, UsageError
from training.recipe import KnobValue, Recipe, knobs

logger = logging.getLogger(__name__)

_OUTCOME: Final = ("measure", "value", "epoch", "minutes", "failure")


@dataclass(frozen=True)
class Outcome:
    """What one point came to."""

    measure: str = ""
    """What `value` is, such as `accuracy`; the loss, where the task measures nothing else."""
    value: float = float("nan")
    """On the validation, by the weights that the recipe keeps."""
    epoch: int = 0
    """The epoch of those weights, counted from 1."""
    minutes: float = 0.0
    failure: str = ""
    """Why there is no value; empty where there is one."""

    def rank(self) -> tuple[bool, float]:
        """A key that sorts the best first and what failed last; errors are best when small."""
        sign = -1 if "accuracy" in self.measure else 1
        return bool(self.failure), sign * self.value


def grid(recipe: Recipe, values: Mapping[str, Sequence[KnobValue]]) -> list[Recipe]:
    """The recipe with every combination of the knobs' values.

    Raises:
        UsageError: a knob or a value cannot be, or the points are validated on the test set.
    """
    points = [
        recipe.override(**dict(zip(values, chosen, strict=True)))
        for chosen in product(*values.values())
    ]
    if any(point.validation == "test" for point in points):
        raise UsageError(
            f"{recipe.name} validates on its test set, and what is chosen by that set says nothing "
            "about it: add --validation held-out"
        )
    return points


def sweep(
    points: Sequence[Recipe], folder: Path, *, jobs: int = 1, prepare: Callable[[], None]
) -> list[Outcome]:
    """Train every point that `folder/sweep.csv` does not know yet, and note it there.

    A point that fails, as by a loss that is no number any more, is noted with its reason.

    Args:
        points: of one recipe.
        folder: for the table; points leave nothing else.
        jobs: points at a time, each in a process of its own if there are several.
        prepare: imports TensorFlow in such a process.

    Raises:
        DatasetError: the data set is missing or broken.
        ExportError: the folder cannot be written, or holds a table that is none.
    """
    table = Table(folder / "sweep.csv")
    missing = [point for point in points if table.outcome(point) is None]
    if len(missing) < len(points):
        logger.info(
            "%d of %d points are in %s", len(points) - len(missing), len(points), table.path
        )
    table.write()  # found out now, not after minutes of training
    with tempfile.TemporaryDirectory(prefix=".points-", dir=folder) as workplace:
        tried = _tried(missing, Path(workplace), jobs, prepare)
        for number, (point, outcome) in enumerate(tried, start=1):
            table.note(point, outcome)
            logger.info("%d/%d %s", number, len(missing), outcome.failure or _told(outcome))
    return [table.outcome(point) or Outcome(failure="was not tried") for point in points]


def _told(outcome: Outcome) -> str:
    return f"{outcome.measure} {outcome.value:.4g} in {outcome.minutes:.1f} min"


def _tried(
    points: Sequence[Recipe], folder: Path, jobs: int, prepare: Callable[[], None]
) -> Iterator[tuple[Recipe, Outcome]]:
    folders = [folder] * len(points)
    if jobs == 1:
        yield from zip(points, map(attempt, points, folders), strict=True)
        return
    threads = max(1, (os.cpu_count() or 1) // jobs)
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", str(threads))  # else each takes every core
    with ProcessPoolExecutor(jobs, get_context("spawn"), initializer=prepare) as pool:
        try:
            yield from zip(points, pool.map(attempt, points, folders), strict=True)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for worker in active_children():  # else their points are waited for
                worker.terminate()
            raise


def attempt(recipe: Recipe, folder: Path) -> Outcome:
    """Train one point.

    Raises:
        DatasetError: the data set is missing or broken, as it would be for every other.
    """
    from training.running.run import kept, train  # noqa: PLC0415 — imports TensorFlow, in a worker too

    started = time.monotonic()
    workplace = Path(tempfile.mkdtemp(prefix=".point-", dir=folder))
    try:
        history = train(recipe, folder=workplace, verbose=False).history
    except DatasetError:
        raise
    except TrainingError as error:
        return Outcome(minutes=_minutes(started), failure=str(error))
    except Exception as error:  # no memory, as a large batch may need: other points may have enough
        reason = str(error).strip().partition("\n")[0]
        return Outcome(minutes=_minutes(started), failure=f"{type(error).__name__}: {reason}")
    finally:
        shutil.rmtree(workplace, ignore_errors=True)
    epoch = kept(recipe, history)
    measures = [name for name in history if name.startswith("val_") and name != "val_loss"]
    measure = (measures or ["val_loss"])[0]
    value = round(history[measure][epoch], 6)
    return Outcome(measure.removeprefix("val_"), value, epoch + 1, _minutes(started))


def _minutes(started: float) -> float:
    return round((time.monotonic() - started) / 60, 2)


class Table:
    """The points tried so far, in a CSV file: all knobs of each and its outcome.

    Raises:
        ExportError: the file is there and no such table.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._rows: dict[tuple[tuple[str, str], ...], dict[str, str]] = {}
        if path.exists():
            with path.open(encoding="utf-8", newline="") as file:
                self._take(csv.DictReader(file))

    def _take(self, rows: Iterable[dict[str, str]]) -> None:
        for row in rows:
            if not set(_OUTCOME) <= row.keys():
                raise ExportError(f"{self.path} is no table of a sweep: move it away")
            settings = {name: text for name, text in row.items() if name not in _OUTCOME}
            self._rows[_key(settings)] = row

    def outcome(self, point: Recipe) -> Outcome | None:
        """What a point came to; None where it was not tried, or with other knobs than there are."""
        row = self._rows.get(_key(_settings(point)))
        if row is None:
            return None
        value, minutes = float(row["value"]), float(row["minutes"])
        return Outcome(row["measure"], value, int(row["epoch"]), minutes, row["failure"])

    def note(self, point: Recipe, outcome: Outcome) -> None:
        """Add a point, and write the file anew."""
        settings = _settings(point)
        told = {name: str(getattr(outcome, name)) for name in _OUTCOME}
        self._rows[_key(settings)] = {**settings, **told}
        self.write()

    def write(self) -> None:
        """Write the file, whole or not at all.

        Raises:
            ExportError: it cannot be written.
        """
        columns = list(dict.fromkeys(name for row in self._rows.values() for name in row))
        aside = self.path.with_suffix(".part")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with aside.open("w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, columns)
                writer.writeheader()
                writer.writerows(self._rows.values())
            aside.replace(self.path)
        except OSError as error:
            raise ExportError(f"{self.path} cannot be written: {error.strerror}") from error


def _settings(point: Recipe) -> dict[str, str]:
    """Every knob as text: 1 and 1.0 of a knob of fractions are the same."""
    return {about.name: str(about.type(getattr(point, about.name))) for about in knobs(type(point))}


def _key(settings: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(settings.items()))
