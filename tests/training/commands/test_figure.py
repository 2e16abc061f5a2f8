"""`figure`: draws what it is asked for, and says why what it cannot draw is missing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from training import catalogue
from training.__main__ import main
from training.errors import DatasetError

Draw = Callable[[Path], Path | tuple[Path, ...]]


def _one(folder: Path) -> Path:
    path = folder / "one.png"
    path.write_bytes(b"image")
    return path


def _two(folder: Path) -> tuple[Path, ...]:
    return _one(folder), folder / "two.png"


def _none(folder: Path) -> Path:
    raise DatasetError(f"nothing is there for {folder.name}")


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three figures instead of ours, which take a while."""
    draw: dict[str, Draw] = {"one": _one, "two": _two, "none": _none}
    names = catalogue.names
    monkeypatch.setattr(
        catalogue, "names", lambda kind: tuple(draw) if kind == "illustration" else names(kind)
    )
    get = catalogue.get
    monkeypatch.setattr(
        catalogue,
        "get",
        lambda kind, name: draw[name] if kind == "illustration" else get(kind, name),
    )
    monkeypatch.setattr(catalogue, "summary", lambda kind, name: name)


@pytest.mark.usefixtures("figures")
def test_figures_are_drawn_into_the_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "new" / "figures"
    assert main(["figure", "one", "two", "--folder", str(folder)]) == 0
    assert capsys.readouterr().out.split() == [
        str(folder / name) for name in ("one.png", "one.png", "two.png")
    ]
    assert (folder / "one.png").read_bytes() == b"image"


@pytest.mark.usefixtures("figures")
def test_one_that_cannot_be_drawn_does_not_keep_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["figure", "--all", "--folder", str(tmp_path)]) == 1
    said = capsys.readouterr()
    assert "two.png" in said.out
    assert said.err == f"error: none is not drawn: nothing is there for {tmp_path.name}\n"


def test_a_folder_that_cannot_be_made_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    known = catalogue.names("illustration")[0]
    assert main(["figure", known, "--folder", str(tmp_path / "file" / "figures")]) == 1
    assert capsys.readouterr().err.endswith("cannot be made: Not a directory\n")
