"""`list`: every name in a table, the exports' measurements beside their recipes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from service.manifest import Manifest, Signature, TensorSpec
from training import catalogue
from training.__main__ import main
from training.commands.list import headline


def _row(name: str, text: str) -> str:
    (row,) = re.findall(rf"^ {re.escape(name)} .*$", text, re.MULTILINE)
    return " ".join(row.split())


def _export(folder: Path, metrics: dict[str, float]) -> None:
    spec = TensorSpec(dtype="float32", shape=(None, 1))
    signature = Signature(task="infer", inputs={"x": spec}, outputs={"y": spec})
    Manifest(signatures={"serve": signature}, metrics=metrics).write(folder)


def test_everything_has_its_row(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["list", "--models-dir", str(tmp_path)]) == 0
    text = capsys.readouterr().out
    kinds: tuple[catalogue.Kind, ...] = ("recipe", "architecture", "dataset", "illustration")
    for kind in kinds:
        for name in catalogue.names(kind):
            assert re.search(rf"^ {re.escape(name)} ", text, re.MULTILINE), name
    row = _row("mnist-mlp", text)
    assert row.startswith("mnist-mlp mnist mlp – – Handwritten digits")
    assert "one-tower, two-towers" in _row("alexnet", text)


def test_a_recipe_shows_what_its_newest_export_measured(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    _export(tmp_path / "mnist-mlp" / "9", {"test_accuracy": 0.5})
    _export(tmp_path / "mnist-mlp" / "10", {"test_accuracy": 0.9888, "test_loss": 0.1})
    (tmp_path / "mnist-lenet5" / "1").mkdir(parents=True)  # no manifest in it
    assert main(["list", "--models-dir", str(tmp_path)]) == 0
    text = capsys.readouterr().out
    assert _row("mnist-mlp", text).startswith("mnist-mlp mnist mlp 10 98.88 % ")
    assert "1 unreadable: FileNotFoundError" in _row("mnist-lenet5", text)


def test_the_headline_is_what_was_measured_first_on_the_test_set() -> None:
    assert headline({"test_accuracy": 0.98765, "test_loss": 0.1}) == "98.77 %"
    assert headline({"validation_loss": 1.0, "test_squared_error": 0.01234567}) == (
        "squared error 0.01235"
    )
    assert headline({}) == "–"
