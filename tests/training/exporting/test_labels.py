"""Labels are read as people write them; what cannot be names of classes is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from training.errors import ExportError
from training.exporting import labels


def test_one_a_line_whatever_the_editor_left(tmp_path: Path) -> None:
    file = tmp_path / "labels.txt"
    file.write_bytes("\ufeffdaisy\r\n\r\n  dent de lion \r\nBärlauch\n\n".encode())
    assert labels.read(file) == ("daisy", "dent de lion", "Bärlauch")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty"),
        (b" \n\n", "is empty"),
        (b"rose\ntulip\nrose\n", "names 'rose' more than once"),
        ("Bärlauch".encode("latin-1"), "is not UTF-8"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, content: bytes, sentence: str) -> None:
    file = tmp_path / "labels.txt"
    file.write_bytes(content)
    with pytest.raises(ExportError, match=sentence):
        labels.read(file)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"none\.txt cannot be read"):
        labels.read(tmp_path / "none.txt")
