"""`sweep`: the table of a grid with the best first, its figure, and what cannot be swept."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from training.__main__ import main
from training.recipe import Recipe
from training.running.sweep import Outcome

WORDS = ["sweep", "mnist-mlp", "--learning-rate", "1e-3,1e-2", "--batch-size", "16,32"]


@pytest.fixture
def swept(monkeypatch: pytest.MonkeyPatch) -> list[Recipe]:
    """The points swept, without training: a larger batch and a smaller step are better."""
    swept: list[Recipe] = []

    def sweep(points: Sequence[Recipe], folder: Path, **_: Any) -> list[Outcome]:
        folder.mkdir(parents=True)
        swept.extend(points)
        if points[0].epochs == 99:
            return [Outcome(failure="the loss became nan") for _ in points]
        return [
            Outcome("accuracy", point.batch_size / 100 - point.learning_rate, 3, 0.5)
            for point in points
        ]

    monkeypatch.setattr("training.running.sweep.sweep", sweep)
    return swept


def test_the_best_point_is_first_and_the_figure_drawn(
    swept: list[Recipe], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [*WORDS, "--epochs", "2", "--seed", "1,2", "--runs-dir", str(tmp_path)]
    assert main(words) == 0
    assert len(swept) == 2 * 2 * 2
    assert {point.epochs for point in swept} == {2}
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == "mnist-mlp: 8 points, the best validation accuracy first"
    assert "learning_rate batch_size seed accuracy epoch minutes" in lines
    rows = [line for line in lines if line.startswith("0.0")]
    assert rows[0] == "0.001 32 1 0.3190 3 0.5"
    assert rows[-1] == "0.01 16 2 0.1500 3 0.5"
    assert (tmp_path / "mnist-mlp" / "sweep" / "sweep.png").stat().st_size > 5_000


@pytest.mark.usefixtures("swept")
def test_a_sweep_of_failures_has_status_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*WORDS, "--epochs", "99", "--runs-dir", str(tmp_path)]) == 1
    said = capsys.readouterr()
    assert said.out.count("the loss became nan") == 4
    assert said.err == "error: every point failed, for the reasons in the table\n"


@pytest.mark.usefixtures("swept")
def test_three_knobs_have_no_figure_and_it_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*WORDS, "--epochs", "2,3", "--runs-dir", str(tmp_path)]) == 0
    assert "no figure: it shows 2 knobs at most, and 3 were swept" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["mnist-mlp", "--epochs", "2"], "give a knob several values, parted by commas"),
        (["mnist-mlp", "--epochs", "2,many"], "invalid int,… value: '2,many'"),
        (["mnist-mlp", "--epochs", "2,0"], "the knob 'epochs' is at least 1; got 0"),
        (["mnist-mlp", "--schedule", "up,cosine"], "the knob 'schedule' is one of"),
        (["mnist-mlp", "--epochs", "2,3", "--jobs", "0"], "--jobs is at least 1; got 0"),
        (["mnist-mlp", "--epoch", "2,3"], "unknown option '--epoch', did you mean '--epochs'?"),
        (["mnist-mpl"], "unknown recipe 'mnist-mpl', did you mean 'mnist-mlp'?"),
        ([], "RECIPE"),
    ],
)
def test_what_cannot_be_swept_is_one_sentence(
    words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sweep", *words]) == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert error.count("\n") == 1
