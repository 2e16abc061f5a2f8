"""The README is true: each block of bash and Python runs, and answers what stands beneath it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.server import Server

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
ADDRESS = "http://127.0.0.1:8000"


class Block(NamedTuple):
    """A fenced block and what the README says it prints."""

    language: str
    code: str
    expected: str | None


def _blocks() -> list[Block]:
    found = re.findall(r"```(\w+)\n(.*?)```", README, re.DOTALL)
    blocks = []
    for (language, code), (following, text) in zip(found, [*found[1:], ("", "")], strict=True):
        if language in ("bash", "python"):
            blocks.append(Block(language, code, text if following in ("json", "text") else None))
    return blocks


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder such as a clone of this repository, where the blocks may write."""
    folder = tmp_path_factory.mktemp("clone")
    shutil.copytree(ROOT / "models", folder / "models")
    shutil.copytree(ROOT / "docs", folder / "docs")
    return folder


@pytest.fixture(scope="module")
def running(workplace: Path) -> Iterator[Server]:
    with Server(MODELS_DIR="models", cwd=workplace) as server:
        yield server


@pytest.mark.skipif(
    shutil.which("curl") is None, reason="curl, which the README's blocks call, is not installed"
)
def test_every_block_runs_and_prints_what_stands_beneath(running: Server, workplace: Path) -> None:
    blocks = _blocks()
    assert len(blocks) >= 7
    for block in blocks:
        printed = _run(block, running.url, workplace)
        if block.expected is not None:
            _agree(block.expected, printed)
        assert '"error"' not in printed, f"{block.code}\nanswered\n{printed}"


def _run(block: Block, url: str, folder: Path) -> str:
    code = block.code.replace(ADDRESS, url)
    # `python` in the README is the environment's own
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "PYTHONPATH": str(ROOT)}
    command = (
        ["bash", "-euo", "pipefail", "-c", code]
        if block.language == "bash"
        else [sys.executable, "-c", code]
    )
    result = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, f"{block.code}\nfailed:\n{result.stdout}{result.stderr}"
    return result.stdout


def _agree(expected: str, printed: str) -> None:
    try:
        want, got = json.loads(expected), json.loads(printed)
    except ValueError:
        assert printed.strip() == expected.strip()
    else:
        _agree_value(want, got)


def _agree_value(want: Any, got: Any) -> None:
    if isinstance(want, dict):
        assert want.keys() == got.keys()
        for key in want:
            _agree_value(want[key], got[key])
    elif isinstance(want, list):
        assert len(want) == len(got)
        for one, other in zip(want, got, strict=True):
            _agree_value(one, other)
    elif isinstance(want, float):
        assert got == pytest.approx(want, abs=0.01)
    else:
        assert got == want


def test_commands_that_take_long_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"(?:^|`)make ([a-z][a-z-]*)", README, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"no target {target}"
    for recipe in re.findall(r"training train ([\w-]+)", README):
        module = recipe.replace("-", "_")
        assert (ROOT / "training" / "recipes" / f"{module}.py").exists(), f"no recipe {recipe}"
    for module in re.findall(r"python -m (benchmarks\.\w+)", README):
        assert (ROOT / f"{module.replace('.', '/')}.py").exists(), f"no {module}"


def test_files_it_names_exist() -> None:
    for path in re.findall(r'(?:\]\(|src=")((?!http)[\w./-]+)', README):
        assert (ROOT / path).exists(), f"no {path}"


def test_nothing_is_left_to_fill_in() -> None:
    assert "@@" not in README
