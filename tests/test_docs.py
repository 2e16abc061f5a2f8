"""The pages of docs/ are true: their blocks run in order, on a real service."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import Counter, Gauge, Histogram

from service.observability import metrics
from tests.docs import wings
from tests.documents import ROOT, agree, blocks, run
from tests.server import Server

PAGES: dict[str, dict[str, Any]] = {
    "classify": {},
    "export": {},
    "protocols": {"GRPC_PORT": 0},
    "embeddings": {},
    "operating": {"ADMIN": "true", "ADMIN_TOKEN": "sixteen-or-more-characters"},
}
"""Each page, and the settings with which it says the service was started."""

MARKDOWN = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "models" / "README.md"]

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


@pytest.mark.parametrize("page", MARKDOWN, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_it_names_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert "@@" not in text
    for path in re.findall(r'(?:\]\(|src=")((?!http|#)[^)#"\s]+)', text):
        assert (page.parent / path).exists(), f"no {path}"
    for path in re.findall(r"`((?:service|training|tests|benchmarks)/[\w./-]+)`", text):
        assert (ROOT / path).exists(), f"no {path}"
    for module in re.findall(r"python -m ((?:benchmarks|tests)[\w.]+)", text):
        path = ROOT / module.rstrip(".").replace(".", "/")
        assert path.is_dir() or path.with_suffix(".py").exists(), f"no {module}"


@pytest.mark.parametrize("page", MARKDOWN, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_section_it_links_to_exists(page: Path) -> None:
    for path, section in re.findall(r"\]\((?!http)([^)#\s]*)#([^)]+)\)", page.read_text("utf-8")):
        target = page.parent / path if path else page
        headings = re.findall(r"^#+ (.*)$", target.read_text("utf-8"), re.MULTILINE)
        anchors = {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings}
        assert section in anchors, f"{path or page.name} has no section #{section}"


def test_every_metric_is_explained() -> None:
    text = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
    kinds = (Counter, Gauge, Histogram)
    counted = {each._name for each in vars(metrics).values() if isinstance(each, kinds)}
    assert counted
    for name in counted:
        assert name in text, f"docs/operating.md does not explain {name}"


def test_the_image_of_the_wings_shows_the_imports_of_today() -> None:
    drawn = wings.IMAGE.read_text(encoding="utf-8")
    assert drawn == wings.svg(), "docs/wings.svg is out of date: run `python -m tests.docs.wings`"


@pytest.mark.parametrize("package", ["service", "training"])
def test_wings_import_downwards_only(package: str) -> None:
    layers, imports = wings.read(package)
    row = {wing: number for number, layer in enumerate(layers) for wing in layer}
    assert [edge for edge in imports.edges if row[edge[0]] >= row[edge[1]]] == []
