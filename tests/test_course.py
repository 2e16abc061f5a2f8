"""The course's pages are true: their code runs and prints what stands beneath, commands exist.

The Python blocks of a page share one namespace, in a fresh process without data sets or network.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from training import catalogue
from training.__main__ import main

ROOT = Path(__file__).parent.parent
COURSE = ROOT / "docs" / "course"
PAGES = sorted(COURSE.glob("*.md"))
CHAPTERS = [page for page in PAGES if page.name != "README.md"]
CHEAP = {
    "python -m training list": "fashion-mnist-autoencoder",
    "python -m training summary lenet5 --variant modern": "61,706",
    "python -m training figure regularization --folder docs/course/figures": "regularization.png",
}
"""Commands that a test can run in seconds, and what they print among other things."""

RUN = """
import contextlib, io, json, socket, sys

def refuse(*arguments, **options):
    raise OSError("the pages' code must not need a network")

socket.socket.connect = refuse
names, printed = {"__name__": "page"}, []
for number, code in enumerate(json.load(sys.stdin), start=1):
    with contextlib.redirect_stdout(io.StringIO()) as output:
        exec(compile(code, f"block {number}", "exec"), names)
    printed.append(output.getvalue())
print(json.dumps(printed))
"""


def _blocks(page: Path) -> list[tuple[str, str]]:
    """Every fenced block: (language, content)."""
    found: list[tuple[str, str]] = re.findall(r"```(\w*)\n(.*?)```", page.read_text("utf-8"), re.S)
    return found


def _commands(page: Path) -> list[str]:
    lines = "".join(text for language, text in _blocks(page) if language == "console").splitlines()
    said = (line.partition("  #")[0].strip() for line in lines)
    return [line for line in said if line.startswith("python -m training ")]


def _drawing(page: Path, figure: str) -> list[Path]:
    """The modules of which a page's commands make this figure.

    `figure NAME` makes what the illustration draws. `train NAME` makes what the recipe's task draws
    of a run, which the page must name by its place in `runs/NAME/`.
    """
    modules = []
    for _, _, _, command, *words in map(shlex.split, _commands(page)):
        if command == "figure":
            sources = [
                ROOT / f"training/illustrations/{word.replace('-', '_')}.py" for word in words
            ]
            modules += [source for source in sources if source.exists()]
        elif command == "train" and re.search(
            rf"`runs/{words[0]}/\d+/{figure}\.png`", page.read_text("utf-8")
        ):
            task = catalogue.get("recipe", words[0]).task
            modules.append(ROOT / f"training/tasks/{task}.py")
    return modules


def _name(path: Path) -> str:
    return path.stem


def test_there_is_a_page_for_every_chapter_and_an_index_that_names_it() -> None:
    index = (COURSE / "README.md").read_text("utf-8")
    chapters = [page.name for page in CHAPTERS]
    assert [name[0] for name in chapters] == ["2", "3", "4", "5", "6"]
    assert all(f"({name})" in index for name in chapters)


@pytest.mark.parametrize("page", CHAPTERS, ids=_name)
def test_every_block_runs_and_prints_what_stands_beneath(page: Path, tmp_path: Path) -> None:
    blocks = _blocks(page)
    codes = [code for language, code in blocks if language == "python"]
    expected = [
        following[1] if following[0] == "text" else None
        for block, following in zip(blocks, [*blocks[1:], ("", "")], strict=True)
        if block[0] == "python"
    ]
    assert codes
    environment = {name: value for name, value in os.environ.items() if name != "DATASETS_DIR"}
    result = subprocess.run(
        [sys.executable, "-c", RUN],
        input=json.dumps(codes),
        cwd=tmp_path,
        env=environment | {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    for code, want, got in zip(codes, expected, json.loads(result.stdout), strict=True):
        assert want is None or got.strip() == want.strip(), f"{code}\nprinted\n{got}"


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_command_is_one(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in catalogue.names("command"):
        monkeypatch.setattr(catalogue.module("command", name), "run", lambda given: 0)
    for command in _commands(page):
        assert main(shlex.split(command)[3:]) == 0, command


@pytest.mark.parametrize("command", CHEAP)
def test_cheap_commands_run(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command in {said for page in PAGES for said in _commands(page)}
    given = command.replace("docs/course/figures", str(tmp_path))
    assert main(shlex.split(given)[3:]) == 0
    assert CHEAP[command] in capsys.readouterr().out
    if "--folder" in command:
        assert (tmp_path / CHEAP[command]).stat().st_size > 0


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_figure_is_there_and_a_command_beside_it_makes_it(page: Path) -> None:
    for figure in re.findall(r"!\[[^]]*\]\(figures/([\w-]+)\.png\)", page.read_text("utf-8")):
        assert (COURSE / "figures" / f"{figure}.png").exists(), f"no {figure}.png"
        texts = [source.read_text("utf-8") for source in _drawing(page, figure)]
        assert any(f'"{figure}.png"' in text for text in texts), f"no command draws {figure}.png"


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_links_and_paths_lead_somewhere(page: Path) -> None:
    text = page.read_text("utf-8")
    for target in re.findall(r"\]\(((?!http|#)[^)#]+)", text):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"
    for module in re.findall(r"`((?:training|tests)(?:/\w+)+\.py)`", text):
        assert (ROOT / module).exists(), f"{page.name} names {module}"


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_nothing_is_left_to_fill_in(page: Path) -> None:
    assert "@@" not in page.read_text("utf-8")
