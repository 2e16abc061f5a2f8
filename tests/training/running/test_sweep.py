"""A sweep tries every point once, notes what failed, and goes on where it stopped."""

from __future__ import annotations

import csv
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from training.errors import DatasetError, ExportError, TrainingFailed, UsageError
from training.recipe import Recipe
from training.running.sweep import Outcome, Table, grid, sweep

RECIPE = Recipe(name="tiny", description="", dataset="mnist", architecture="mlp", rotation=10)


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[Recipe]:
    """The points trained, by a training that takes no time; learning rates above 1 fail."""
    points: list[Recipe] = []

    def train(recipe: Recipe, *, folder: Path, verbose: bool) -> Any:
        assert folder.is_dir()
        points.append(recipe)
        if recipe.learning_rate > 1:
            raise TrainingFailed("the loss became nan in epoch 1")
        if recipe.batch_size > 1000:
            raise MemoryError("there is none left\nmore about it")
        if recipe.patience == 99:
            raise DatasetError("mnist.npz is not there")
        history = {
            "loss": [1.0, 0.5, 0.4],
            "val_loss": [0.9, 0.4, 0.6],
            "val_accuracy": [0.1, 1 - recipe.learning_rate, 0.2],
        }
        return SimpleNamespace(history=history)

    monkeypatch.setattr("training.running.run.train", train)
    return points


def _nothing() -> None:
    """What a worker is prepared by."""


def test_a_grid_is_every_combination() -> None:
    points = grid(RECIPE, {"learning_rate": (0.1, 0.2), "batch_size": (8, 16, 32), "epochs": (2,)})
    assert [(each.learning_rate, each.batch_size) for each in points] == [
        *((0.1, 8), (0.1, 16), (0.1, 32)),
        *((0.2, 8), (0.2, 16), (0.2, 32)),
    ]
    assert {each.epochs for each in points} == {2}


def test_a_grid_that_validates_on_the_test_set_is_refused() -> None:
    with pytest.raises(UsageError, match=r"validates on its test set.* add --validation held-out"):
        grid(RECIPE, {"validation": ("test",), "epochs": (1, 2)})


def test_a_point_is_judged_by_the_epoch_that_is_kept(trained: list[Recipe], tmp_path: Path) -> None:
    points = grid(RECIPE, {"learning_rate": (0.25,)})
    (outcome,) = sweep(points, tmp_path / "new", prepare=_nothing)
    assert (outcome.measure, outcome.value, outcome.epoch) == ("accuracy", 0.75, 2)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["sweep.csv"]


def test_a_point_that_fails_is_a_row_that_says_why(trained: list[Recipe], tmp_path: Path) -> None:
    points = grid(RECIPE, {"learning_rate": (0.5, 2.0, 0.25)})
    points += grid(RECIPE, {"batch_size": (2000,)})
    outcomes = sweep(points, tmp_path, prepare=_nothing)
    assert [each.failure for each in outcomes] == [
        "",
        "the loss became nan in epoch 1",
        "",
        "MemoryError: there is none left",
    ]
    ranked = sorted(zip(points, outcomes, strict=True), key=lambda pair: pair[1].rank())
    assert [point.learning_rate for point, _ in ranked][:2] == [0.25, 0.5]
    assert all(outcome.failure for _, outcome in ranked[2:])


def test_points_in_the_table_are_not_trained_again(trained: list[Recipe], tmp_path: Path) -> None:
    first = grid(RECIPE, {"learning_rate": (0.5, 2.0)})
    before = sweep(first, tmp_path, prepare=_nothing)
    more = grid(RECIPE, {"learning_rate": (0.5, 0.25, 2.0)})
    after = sweep(more, tmp_path, prepare=_nothing)
    assert [each.learning_rate for each in trained] == [0.5, 2.0, 0.25]
    assert [after[0].value, after[2].failure] == [before[0].value, before[1].failure]
    with (tmp_path / "sweep.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["learning_rate"] for row in rows] == ["0.5", "2.0", "0.25"]


def test_a_point_is_known_by_all_its_knobs(trained: list[Recipe], tmp_path: Path) -> None:
    sweep(grid(RECIPE, {"epochs": (2,)}), tmp_path, prepare=_nothing)
    sweep(grid(RECIPE, {"epochs": (2,), "seed": (2,)}), tmp_path, prepare=_nothing)
    sweep(grid(RECIPE, {"epochs": (2,), "rotation": (10.0,)}), tmp_path, prepare=_nothing)
    assert [each.seed for each in trained] == [1, 2]  # 10 and 10.0 degrees are one


def test_missing_data_ends_a_sweep_at_once(trained: list[Recipe], tmp_path: Path) -> None:
    points = grid(RECIPE, {"patience": (99, 5)})
    with pytest.raises(DatasetError, match="is not there"):
        sweep(points, tmp_path, prepare=_nothing)
    assert len(trained) == 1


def test_an_interrupted_sweep_leaves_the_points_done(
    trained: list[Recipe], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    note = Table.note

    def interrupted(table: Table, point: Recipe, outcome: Outcome) -> None:
        note(table, point, outcome)
        raise KeyboardInterrupt

    monkeypatch.setattr(Table, "note", interrupted)
    points = grid(RECIPE, {"learning_rate": (0.5, 0.25)})
    with pytest.raises(KeyboardInterrupt):
        sweep(points, tmp_path, prepare=_nothing)
    assert [path.name for path in tmp_path.iterdir()] == ["sweep.csv"]
    assert Table(tmp_path / "sweep.csv").outcome(points[0]) is not None
    assert Table(tmp_path / "sweep.csv").outcome(points[1]) is None


def test_a_folder_that_cannot_be_written_is_found_before_training(
    trained: list[Recipe], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ExportError, match=r"sweep\.csv cannot be written: "):
        sweep(grid(RECIPE, {"epochs": (1,)}), tmp_path / "file" / "sweep", prepare=_nothing)
    assert not trained


def test_another_table_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "sweep.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(ExportError, match="is no table of a sweep: move it away"):
        Table(path)
    assert path.read_text() == "a,b\n1,2\n"


def test_errors_rank_best_when_small() -> None:
    outcomes = [Outcome("mse", 0.3), Outcome(failure="nan"), Outcome("mse", 0.1)]
    assert [each.value for each in sorted(outcomes, key=Outcome.rank)][:2] == [0.1, 0.3]
