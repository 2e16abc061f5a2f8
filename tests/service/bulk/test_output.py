"""The answers of a bulk job on disk: what is written after a kill is neither missing nor twice."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from service.bulk.output import Output
from service.errors import InvalidInput

JOB = {"input": "abc", "model": "digits 1"}


def read(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_what_a_kill_left_half_written_is_done_again(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    with Output(path, JOB) as output:
        output.write(["a", "b"], [{"x": 1}, "bad"])
        output.commit()
        output.write(["c", "d"], [{"x": 3}, "bad"])  # never committed
    with path.open("ab") as file:
        file.write(b'{"row": 4, "inp')
    with Output(path, JOB) as output:
        assert (output.rows, output.rejected) == (2, 1)
        output.write(["c", "d"], ["bad", {"x": 4}])
        output.finish()
    assert read(path) == [
        {"row": 0, "input": "a", "x": 1},
        {"row": 3, "input": "d", "x": 4},
    ]
    assert [row["input"] for row in read(tmp_path / "out.jsonl.rejected")] == ["b", "c"]
    assert not (tmp_path / "out.jsonl.progress").exists()


def test_nothing_rejected_leaves_one_file(tmp_path: Path) -> None:
    with Output(tmp_path / "out.jsonl", JOB) as output:
        output.write(["a"], [{"x": 1}])
        output.finish()
    assert [each.name for each in tmp_path.iterdir()] == ["out.jsonl"]


def test_another_job_does_not_go_on(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    with Output(path, JOB):
        pass
    with pytest.raises(InvalidInput, match=r"begun with another model: .*out\.jsonl\.progress"):
        Output(path, JOB | {"model": "digits 2"})


def test_a_finished_job_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "out.jsonl").write_text("")
    with pytest.raises(InvalidInput, match="is there already"):
        Output(tmp_path / "out.jsonl", JOB)
