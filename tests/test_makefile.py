"""The Makefile: what `make` leaves behind when a machine lacks something."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def test_a_python_that_cannot_make_an_environment_leaves_none(tmp_path: Path) -> None:
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    # As Debian's without python3-venv: it leaves an interpreter without pip and fails.
    python = tmp_path / "python"
    python.write_text(
        '#!/bin/sh\n[ "$2" = venv ] || exit 0\nmkdir -p "$3/bin"\n> "$3/bin/python"\nexit 1\n'
    )
    python.chmod(0o755)
    environment = tmp_path / "venv"
    for _ in range(2):
        made = subprocess.run(
            ["make", "serve", f"VENV={environment}", f"PYTHON={python}"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert made.returncode
        assert "apt install python3-venv" in made.stderr
        assert not environment.exists()


def test_every_target_has_a_rule() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (phony,) = re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    for target in phony.split():
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"no rule for {target}"
