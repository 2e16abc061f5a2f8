"""`evaluate`: a table for each export, and the exit status of a promise that does not hold."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from training.__main__ import main
from training.errors import ExportError
from training.running.evaluate import Measure


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Exports that are measured by their names, without TensorFlow."""
    for name in ("good/9", "good/10", "worse/1", "broken/1"):
        (tmp_path / name).mkdir(parents=True)

    def evaluate(export: Path, dataset: str | None) -> list[Measure]:
        if export.parent.name == "broken":
            raise ExportError(f"{export.parent.name} is broken")
        measured = 0.9 if export.parent.name == "good" else 0.8
        return [Measure("test_accuracy", measured, 0.9, 100)]

    monkeypatch.setattr("training.running.evaluate.evaluate", evaluate)
    return tmp_path


Capture = pytest.CaptureFixture[str]
Words = Callable[[Path], list[str]]


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (lambda path: [f"{path}/good/9"], 0, ("0.9 0.9 holds", "")),
        (lambda path: [f"{path}/worse/1"], 1, ("0.9 0.8 does not hold", "0.9 and has 0.8, ")),
        (lambda path: [f"{path}/broken/1"], 1, ("", "error: broken is broken")),
        (lambda path: ["--all", "--models-dir", str(path)], 1, ("good/10", "broken is broken")),
        (lambda path: ["--all", "--models-dir", f"{path}/none"], 2, ("", "holds no exports")),
        (lambda path: [], 2, ("", "name exports, or say --all")),
        (lambda path: [f"{path}/good/9", "--dataset", "mnits"], 2, ("", "did you mean 'mnist'?")),
    ],
)
def test_exports_are_measured(
    words: Words, status: int, told: tuple[str, str], models: Path, capsys: Capture
) -> None:
    out, err = told
    assert main(["evaluate", *words(models)]) == status
    said = capsys.readouterr()
    assert out in " ".join(said.out.split())
    assert err in said.err
    assert bool(err) == bool(said.err)


def test_all_are_in_the_order_of_their_versions(models: Path, capsys: Capture) -> None:
    main(["evaluate", "--all", "--models-dir", str(models)])
    text = capsys.readouterr().out
    assert text.index("good/9:") < text.index("good/10:") < text.index("worse/1:")
