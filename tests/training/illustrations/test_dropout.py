"""The dropout figure is drawn from the newest runs, and says which run is missing."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from training.errors import UsageError
from training.illustrations import dropout


def _write_run(runs: Path, recipe: str, version: int, losses: list[float]) -> None:
    folder = runs / recipe / str(version)
    folder.mkdir(parents=True)
    rows = [f"{epoch},{loss},{loss + 0.1}" for epoch, loss in enumerate(losses, start=1)]
    (folder / "history.csv").write_text("\n".join(["epoch,loss,val_loss", *rows]), encoding="utf-8")


def test_the_newest_run_counts(tmp_path: Path) -> None:
    _write_run(tmp_path, "a", 9, [0.5])
    _write_run(tmp_path, "a", 10, [0.4, 0.2])
    assert dropout.losses(tmp_path, "a") == ([0.4, 0.2], [0.5, pytest.approx(0.3)])


def test_it_draws_both_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dropout, "RUNS", tmp_path)
    for recipe in dropout.RECIPES:
        _write_run(tmp_path, recipe, 1, [0.4, 0.3, 0.2])
    with Image.open(dropout.draw(tmp_path)) as drawn:
        assert drawn.width > 1000


def test_a_missing_run_is_named_and_both_commands_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dropout, "RUNS", tmp_path)
    _write_run(tmp_path, "mnist-mlp-plain", 1, [0.4])
    with pytest.raises(UsageError, match="no run of mnist-mlp-dropout") as raised:
        dropout.draw(tmp_path)
    for recipe in dropout.RECIPES:
        assert f"python -m training train {recipe}" in str(raised.value)
