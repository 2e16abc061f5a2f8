"""The folder of models: the newest version of each, and nothing that is not one."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.errors import InvalidExport
from service.store import Export, find, newest


def saved_model(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"")
    return folder


def test_the_newest_version_is_the_largest_number(tmp_path: Path) -> None:
    for version in ("9", "10", "2"):
        saved_model(tmp_path / "digits" / version)
    saved_model(tmp_path / "cats" / "1")
    assert newest(tmp_path) == [
        Export("cats", 1, tmp_path / "cats" / "1"),
        Export("digits", 10, tmp_path / "digits" / "10"),
    ]


@pytest.mark.parametrize(
    "junk",
    [
        "digits/007",
        "digits/0",
        "digits/-3",
        "digits/4.0",
        "digits/latest",
        "digits/５",
        "digits/.8.partial",
        ".hidden/8",
        "two words/8",
        "ümlaut/8",
        f"{'x' * 129}/8",
    ],
)
def test_what_is_not_a_version_is_left_alone(tmp_path: Path, junk: str) -> None:
    real = saved_model(tmp_path / "digits" / "3")
    saved_model(tmp_path / junk)
    assert newest(tmp_path) == [Export("digits", 3, real)]


def test_a_model_whose_name_cannot_be_served_is_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    saved_model(tmp_path / "My Model" / "1")
    saved_model(tmp_path / ".hidden" / "1")  # hidden on purpose
    (tmp_path / "no model").mkdir()
    assert newest(tmp_path) == []
    (line,) = caplog.messages
    assert "My Model is left out: a model's name is letters, digits" in line


def test_files_and_folders_without_a_saved_model_are_left_alone(tmp_path: Path) -> None:
    real = saved_model(tmp_path / "digits" / "3")
    (tmp_path / "digits" / "4").mkdir()
    (tmp_path / "digits" / "5").write_text("a file")
    (tmp_path / "digits" / "6" / "saved_model.pb").mkdir(parents=True)
    (tmp_path / "empty").mkdir()
    (tmp_path / "README.md").write_text("hello")
    assert newest(tmp_path) == [Export("digits", 3, real)]


def test_a_link_to_a_model_is_a_model(tmp_path: Path) -> None:
    saved_model(tmp_path / "elsewhere" / "digits" / "1")
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "numbers").symlink_to(tmp_path / "elsewhere" / "digits")
    assert [export.name for export in newest(tmp_path / "models")] == ["numbers"]


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidExport, match=r"MODELS_DIR=.*nowhere is not a folder: point it at"):
        newest(tmp_path / "nowhere")
    assert newest(tmp_path) == []


def test_one_unreadable_model_does_not_hide_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real = saved_model(tmp_path / "digits" / "1")
    saved_model(tmp_path / "secret" / "1")
    plain = Path.iterdir

    def forbidden(self: Path) -> object:  # tests may run as root, whom no folder refuses
        if self.name == "secret":
            raise PermissionError(13, "Permission denied")
        return plain(self)

    monkeypatch.setattr(Path, "iterdir", forbidden)
    assert newest(tmp_path) == [Export("digits", 1, real)]
    assert "secret is left out: Permission denied" in caplog.text


def test_an_export_is_found_by_its_folder_or_its_models(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = (saved_model(tmp_path / "digits" / version) for version in ("9", "10"))
    assert find(old) == Export("digits", 9, old)
    assert find(tmp_path / "digits") == Export("digits", 10, new)
    monkeypatch.chdir(new)
    assert find(Path()) == Export("digits", 10, new)


@pytest.mark.parametrize("folder", ["nowhere", ".", "digits/1"])
def test_a_folder_without_an_export_says_what_was_expected(tmp_path: Path, folder: str) -> None:
    (tmp_path / "digits" / "1").mkdir(parents=True)
    with pytest.raises(InvalidExport, match=r"expected <name>/<version>/ with a saved_model.pb"):
        find(tmp_path / folder)


def test_an_export_without_a_manifest_is_foreign(tmp_path: Path) -> None:
    folder = saved_model(tmp_path / "digits" / "1")
    assert find(folder).is_foreign
    (folder / "assets.extra").mkdir()
    (folder / "assets.extra" / "manifest.json").write_text("{}")
    assert not find(folder).is_foreign
