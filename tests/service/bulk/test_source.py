"""Rows of a bulk job: which there are, in which order, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.bulk.source import Row, find
from service.errors import InvalidInput


def rows(given: Path | str, skip: int = 0, **columns: str) -> list[Row]:
    source = find(str(given), text=columns.get("text"), image=columns.get("image"))
    read = list(source.rows(skip))
    assert read[-1][1] == source.size, "all of it was read"
    return [row for row, _ in read]


def test_a_folder_or_a_glob_has_its_images_by_name(tmp_path: Path) -> None:
    for name in ("b.png", "a/c.JPG", "notes.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    assert [row.value for row in rows(tmp_path)] == [tmp_path / "a/c.JPG", tmp_path / "b.png"]
    assert [row.value for row in rows(tmp_path, skip=1)] == [tmp_path / "b.png"]
    assert [row.value for row in rows(f"{tmp_path}/*.png")] == [tmp_path / "b.png"]


def test_lines_of_json_have_a_field_and_say_what_is_wrong(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text('{"text": "é"}\n{"text": 7}\n{}\n[1]\n{\n')
    good, *bad = rows(file)
    assert good == Row("line 1", "é")
    assert [row.problem.partition(":")[0] for row in bad] == [
        "'text' is a text that is not empty; got int",
        "'text' is a text that is not empty; got nothing",
        "it is not a JSON object; got list",
        "it is not JSON",
    ]


def test_a_table_has_columns(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text('id,caption,file\n1,"two\nlines",a.png\n2,,b.png\n')
    assert rows(file, text="caption")[0].value == "two\nlines"
    assert rows(file, text="caption")[1].problem
    assert [row.value for row in rows(file, image="file")] == [
        tmp_path / "a.png",
        tmp_path / "b.png",
    ]
    with pytest.raises(InvalidInput, match=r"no column 'text'; it has: id, caption, file"):
        rows(file)


def test_a_line_of_text_is_a_row(tmp_path: Path) -> None:
    file = tmp_path / "rows.txt"
    file.write_text("one\r\ntwo")
    assert [row.value for row in rows(file)] == ["one", "two"]


def test_what_has_no_rows_is_refused_with_what_is_taken(tmp_path: Path) -> None:
    (tmp_path / "rows.parquet").write_bytes(b"")
    with pytest.raises(InvalidInput, match=r"\.txt, \.jsonl and \.csv; got rows\.parquet"):
        rows(tmp_path / "rows.parquet")
    with pytest.raises(InvalidInput, match="names no rows"):
        rows(tmp_path / "nothing")


def test_another_order_is_another_identity(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    before = find(str(tmp_path), text=None, image=None).identity
    assert find(str(tmp_path), text=None, image=None).identity == before
    (tmp_path / "0.png").write_bytes(b"")
    assert find(str(tmp_path), text=None, image=None).identity != before
