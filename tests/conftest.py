"""Fixtures that several rooms' tests share."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from tests.exports import write_classifier
from tests.exports_encoder import write_encoder
from tests.server import Server

_SLOW_IMPORTS: Final = (
    "tensorflow",
    "keras",
    "tests.batchers",
    "tests.documents",
    "tests.exports",
    "tests.server",
    "tests.stores",
    "tests.databases",
    "training",
)
"""What a test file imports that runs models, starts processes, or waits for them."""
_SLOW_FIXTURES: Final = {"models_dir", "colours_dir", "server", "colours"}


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """Mark the slow tests, which `make test-fast` leaves out, by what they import and use."""
    for item in items:
        fixtures = _SLOW_FIXTURES.intersection(getattr(item, "fixturenames", ()))
        if fixtures or _is_slow(item.path):
            item.add_marker("slow")


@cache
def _is_slow(path: Path) -> bool:
    source = path.read_text(encoding="utf-8")
    if "subprocess" in source or "asyncio.sleep" in source or "time.sleep" in source:
        return True
    names: list[str] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.append(node.module)
    return any(name.startswith(_SLOW_IMPORTS) for name in names)


@pytest.fixture(scope="session")
def models_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one model, `shade`, that tells dark images from light ones."""
    folder = tmp_path_factory.mktemp("models")
    write_classifier(folder / "shade" / "1")
    return folder


@pytest.fixture(scope="session")
def colours_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one model, `colours`, that embeds texts and images."""
    folder = tmp_path_factory.mktemp("encoders")
    write_encoder(folder / "colours" / "1", prompts={"query": "the query "})
    return folder


@pytest.fixture(scope="session")
def colours(colours_dir: Path) -> Iterator[Server]:
    """A server of that folder, for tests that only ask."""
    with Server(MODELS_DIR=colours_dir) as running:
        yield running


@pytest.fixture(scope="session")
def server(models_dir: Path) -> Iterator[Server]:
    """A server of that folder, for tests that only ask."""
    with Server(MODELS_DIR=models_dir) as running:
        yield running
