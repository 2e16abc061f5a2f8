"""The README is true: each block of bash and Python runs, and answers what stands beneath it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.documents import ROOT, agree, blocks, run
from tests.server import Server

README = (ROOT / "README.md").read_text(encoding="utf-8")
ADDRESS = "http://127.0.0.1:8000"


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
    found = blocks(README)
    assert len(found) >= 5
    for block in found:
        printed = run(block, {ADDRESS: running.url}, workplace)
        if block.expected is not None:
            agree(block.expected, printed)
        assert '"error"' not in printed, f"{block.code}\nanswered\n{printed}"


def test_commands_that_take_long_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"(?:^|`)make ([a-z][a-z-]*)", README, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"no target {target}"
    for recipe in re.findall(r"training train ([\w-]+)", README):
        module = recipe.replace("-", "_")
        assert (ROOT / "training" / "recipes" / f"{module}.py").exists(), f"no recipe {recipe}"
    for module in re.findall(r"python -m (benchmarks\.\w+)", README):
        assert (ROOT / f"{module.replace('.', '/')}.py").exists(), f"no {module}"


def test_it_stays_short() -> None:
    assert len(README.splitlines()) < 200
