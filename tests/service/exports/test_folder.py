"""The folder of models: the newest version of each, and nothing that is not one."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from service.errors import InvalidExport
from service.exports.folder import Export, find, newest, scan


def saved_model(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"")
    return folder


def names(exports: Iterable[Export]) -> list[tuple[str, int, Path]]:
    return [(export.name, export.version, export.path) for export in exports]


def test_the_newest_version_is_the_largest_number(tmp_path: Path) -> None:
    for version in ("9", "10", "2"):
        saved_model(tmp_path / "digits" / version)
    saved_model(tmp_path / "cats" / "1")
    assert names(newest(tmp_path)) == [
        ("cats", 1, tmp_path / "cats" / "1"),
        ("digits", 10, tmp_path / "digits" / "10"),
    ]


@pytest.mark.parametrize(
    "junk",
    [
        "digits/-3",
        f"digits/{2**63}",
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
    assert names(newest(tmp_path)) == [("digits", 3, real)]


def test_versions_are_read_as_tensorflow_serving_writes_them(tmp_path: Path) -> None:
    padded, zero, largest = (
        saved_model(tmp_path / "half_plus_two" / name) for name in ("00000123", "0", f"{2**63 - 1}")
    )
    assert names(scan(tmp_path)["half_plus_two"]) == [
        ("half_plus_two", 0, zero),
        ("half_plus_two", 123, padded),
        ("half_plus_two", 2**63 - 1, largest),
    ]


def test_two_folders_of_one_version_are_said_and_neither_is_served(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("1", "01", "2"):
        saved_model(tmp_path / "digits" / name)
    assert [export.version for export in scan(tmp_path)["digits"]] == [2]
    assert "digits has several folders of version 1, of which none is served" in caplog.text


def test_a_saved_model_where_triton_has_it_is_a_version(tmp_path: Path) -> None:
    folder = saved_model(tmp_path / "digits" / "1" / "model.savedmodel")
    assert names(newest(tmp_path)) == [("digits", 1, folder)]
    assert names([find(tmp_path / "digits" / "1")]) == [("digits", 1, folder)]


def test_a_model_in_the_wrong_place_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    saved_model(tmp_path / "bare")
    (tmp_path / "text" / "1").mkdir(parents=True)
    (tmp_path / "text" / "1" / "saved_model.pbtxt").write_text("")
    assert scan(tmp_path) == {}
    bare, text = caplog.messages
    assert bare.endswith(f"stands right in it: move it into {tmp_path / 'bare' / '1'}")
    assert text.endswith("1/saved_model.pbtxt is text: save it as saved_model.pb")


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
    assert names(newest(tmp_path)) == [("digits", 3, real)]


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
    assert names(newest(tmp_path)) == [("digits", 1, real)]
    assert "secret is left out: Permission denied" in caplog.text


def test_an_export_is_found_by_its_folder_or_its_models(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = (saved_model(tmp_path / "digits" / version) for version in ("9", "10"))
    assert names([find(old)]) == [("digits", 9, old)]
    assert names([find(tmp_path / "digits")]) == [("digits", 10, new)]
    monkeypatch.chdir(new)
    assert names([find(Path())]) == [("digits", 10, new)]


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


def test_every_version_is_found_and_a_change_in_any_file_of_it_shows(tmp_path: Path) -> None:
    for version in ("9", "10", "2"):
        saved_model(tmp_path / "digits" / version)
    before = scan(tmp_path)
    assert [export.version for export in before["digits"]] == [2, 9, 10]
    assert scan(tmp_path) == before
    weights = tmp_path / "digits" / "9" / "variables" / "weights"
    weights.parent.mkdir()
    weights.write_bytes(b"1")
    added = scan(tmp_path)
    weights.unlink()
    weights.write_bytes(b"2")  # as long as before
    replaced = scan(tmp_path)
    versions = [each["digits"] for each in (before, added, replaced)]
    two, nine, ten = (list(exports) for exports in zip(*versions, strict=True))
    assert len(set(two)) == len(set(ten)) == 1
    assert len(set(nine)) == 3
    assert nine[2].changed_at >= nine[0].changed_at > 0


def test_a_folder_of_one_model_is_served_under_the_name_it_is_given(tmp_path: Path) -> None:
    """As KServe's storage initializer leaves what a storageUri names, at /mnt/models."""
    saved_model(tmp_path / "model" / "1")
    assert list(scan(tmp_path, "digits")) == ["model"], "a folder of models stays one"

    saved_model(tmp_path / "versions" / "3")
    [export] = scan(tmp_path / "versions", "digits")["digits"]
    assert (export.name, export.version) == ("digits", 3)

    flat = saved_model(tmp_path / "flat")
    [export] = scan(flat, "digits")["digits"]
    assert names([export]) == [("digits", 1, flat)]

    (tmp_path / "triton").mkdir()
    nested = saved_model(tmp_path / "triton" / "model.savedmodel")
    assert names(scan(nested.parent, "digits")["digits"]) == [("digits", 1, nested)]
