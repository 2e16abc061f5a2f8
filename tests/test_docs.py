"""The pages of docs/ are true: their blocks run in order, on a real service."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import Counter, Gauge, Histogram

from service.observability import metrics
from tests.documents import ROOT, agree, blocks, run
from tests.server import Server

PAGES: dict[str, dict[str, Any]] = {
    "protocols": {"GRPC_PORT": 0},
    "embeddings": {},
    "operating": {"ADMIN": "true", "ADMIN_TOKEN": "sixteen-or-more-characters"},
}
"""Each page and the settings it says the service was started with."""

MODELS = {"embeddings": ("emoji-clip",)}
"""What a page's service serves, where it is not the digits."""


@pytest.mark.skipif(
    shutil.which("curl") is None, reason="curl, which the pages' blocks call, is not installed"
)
@pytest.mark.parametrize("page", PAGES)
def test_every_block_runs_and_prints_what_stands_beneath(page: str, tmp_path: Path) -> None:
    text = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
    for name in MODELS.get(page, ("mnist-lenet5", "mnist-mlp")):
        shutil.copytree(ROOT / "models" / name, tmp_path / "models" / name)
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    found = blocks(text)
    assert len(found) >= 5
    with Server(MODELS_DIR="models", cwd=tmp_path, **PAGES[page]) as server:
        addresses = {"http://127.0.0.1:8000": server.url, "127.0.0.1:8000": server.url[7:]}
        if "GRPC_PORT" in PAGES[page]:
            addresses["127.0.0.1:8001"] = server.grpc_address
        for block in found:
            printed = run(block, addresses, tmp_path)
            if block.expected is not None:
                agree(block.expected, printed)


@pytest.mark.parametrize("page", PAGES)
def test_what_it_names_exists(page: str) -> None:
    text = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
    assert "@@" not in text
    for path in re.findall(r"\]\((?!http)([\w./-]+)", text):
        assert (ROOT / "docs" / path).exists(), f"no {path}"
    for module in re.findall(r"python -m (benchmarks\.\w+)", text):
        assert (ROOT / f"{module.replace('.', '/')}.py").exists(), f"no {module}"


def test_every_metric_is_explained() -> None:
    text = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
    kinds = (Counter, Gauge, Histogram)
    counted = {each._name for each in vars(metrics).values() if isinstance(each, kinds)}
    assert counted
    for name in counted:
        assert name in text, f"docs/operating.md does not explain {name}"
