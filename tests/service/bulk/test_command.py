"""The bulk command: its answers are the server's, and a kill costs no row and doubles none."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from service.bulk import command
from service.cli import main
from service.settings import Settings
from tests import ROOT
from tests.images import DARK, LIGHT
from tests.server import Server


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither the developer's environment nor their .env."""
    for variable in [name for name in os.environ if name.lower() in Settings.model_fields]:
        monkeypatch.delenv(variable)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def _in_shade(monkeypatch: pytest.MonkeyPatch, models_dir: Path) -> None:
    monkeypatch.setenv("MODELS_DIR", str(models_dir))


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.usefixtures("_in_shade")
def test_images_get_the_servers_answers(tmp_path: Path, server: Server) -> None:
    (images := tmp_path / "images").mkdir()
    for number, image in enumerate([DARK, LIGHT] * 40):
        (images / f"{number:03}.png").write_bytes(image)
    (images / "050.png").write_bytes(b"no image")
    out = tmp_path / "out.jsonl"
    assert main(["batch", str(images), str(out), "--model", "shade", "--top-k", "2"]) == 0

    rows, [rejected] = read(out), read(tmp_path / "out.jsonl.rejected")
    assert [row["row"] for row in rows] == [number for number in range(80) if number != 50]
    assert rejected["row"] == 50
    assert rejected["error"].startswith("the bytes are no image")
    for row in (rows[0], rows[1], rows[-1]):
        file = {"image": Path(row["input"]).read_bytes()}
        reply = server.client.post("/v1/classify?model=shade&top_k=2", files=file)
        [served] = reply.json()["results"]
        for mine, theirs in zip(row["predictions"], served["predictions"], strict=True):
            assert mine["label"] == theirs["label"]
            assert mine["score"] == pytest.approx(theirs["score"], abs=1e-5)


def test_texts_get_the_servers_embeddings(
    tmp_path: Path, colours: Server, colours_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODELS_DIR", str(colours_dir))
    name = next(each.name for each in colours_dir.iterdir() if (each / "1").is_dir())
    (tmp_path / "in.txt").write_text("red\n\ngreen blue\n")
    assert main(["batch", "in.txt", "out.jsonl", "--model", name, "--task", "embed"]) == 0

    rows = read(tmp_path / "out.jsonl")
    assert [row["row"] for row in rows] == [0, 2]
    body = {"model": name, "input": ["red", "green blue"]}
    served = colours.client.post("/v1/embeddings", json=body).json()["data"]
    for row, theirs in zip(rows, served, strict=True):
        assert row["embedding"] == pytest.approx(theirs["embedding"], abs=1e-5)


def test_a_killed_job_goes_on_without_a_row_lost_or_doubled(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "models" / "mnist-lenet5", tmp_path / "models" / "mnist-lenet5")
    (tmp_path / "digit.png").write_bytes(LIGHT)
    count = 30_000
    lines = ["missing.png" if number % 1000 == 7 else "digit.png" for number in range(count)]
    (tmp_path / "in.csv").write_text("\n".join(["file", *lines]))
    batch = [sys.executable, "-m", "service", "batch", "in.csv", "out.jsonl"]
    batch += ["--model", "mnist-lenet5", "--image", "file", "--top-k", "1"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(batch, cwd=tmp_path, env=environment)
    progress = tmp_path / "out.jsonl.progress"
    deadline = time.monotonic() + 60
    while not (progress.exists() and json.loads(progress.read_bytes())["rows"]):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert 0 < json.loads(progress.read_bytes())["rows"] < count
    subprocess.run(batch, cwd=tmp_path, env=environment, check=True)

    rejected = [row["row"] for row in read(tmp_path / "out.jsonl.rejected")]
    assert rejected == list(range(7, count, 1000))
    answered = [row["row"] for row in read(tmp_path / "out.jsonl")]
    assert sorted(answered + rejected) == list(range(count))


def test_the_page_shows_commands_that_are_understood() -> None:
    page = (ROOT / "docs" / "deploying.md").read_text(encoding="utf-8")
    shown = re.findall(r"^python -m service batch (.*)$", page, re.MULTILINE)
    assert len(shown) >= 3
    for line in shown:
        given = command.build_parser().parse_args(shlex.split(line))
        assert (ROOT / "models" / given.model).is_dir()


@pytest.mark.usefixtures("_in_shade")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nothing", "out.jsonl", "--model", "shade"], "names no rows"),
        (["in.txt", "out.jsonl", "--model", "shadow"], "shadow"),
        (["in.txt", "out.jsonl", "--model", "shade", "--task", "embed"], "does not embed"),
    ],
)
def test_a_mistake_is_told_and_writes_nothing(
    arguments: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in.txt").write_text("red\n")
    assert main(["batch", *arguments]) == 1
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out.jsonl").exists()
