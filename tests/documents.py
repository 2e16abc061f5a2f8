"""Documents that are true: their blocks of bash and Python run, and print what stands beneath."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

ROOT = Path(__file__).parent.parent


class Block(NamedTuple):
    """A fenced block and what the document says it prints."""

    language: str
    code: str
    expected: str | None


def blocks(text: str) -> list[Block]:
    """The blocks of bash and Python in a document, each with the JSON or text that follows it."""
    found = re.findall(r"```(\w+)\n(.*?)```", text, re.DOTALL)
    result = []
    for (language, code), (following, beneath) in zip(found, [*found[1:], ("", "")], strict=True):
        if language in ("bash", "python"):
            result.append(Block(language, code, beneath if following in ("json", "text") else None))
    return result


def run(block: Block, addresses: Mapping[str, str], folder: Path) -> str:
    """What a block prints, run in `folder`, each address in it replaced by the real one."""
    code = block.code
    for written, real in addresses.items():
        code = code.replace(written, real)
    # `python` in a document is the environment's own
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


def agree(expected: str, printed: str) -> None:
    """Whether a block printed what the document says; numbers may differ by a hundredth."""
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
