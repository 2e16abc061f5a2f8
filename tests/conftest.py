"""Fixtures that several rooms' tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.exports import write_classifier
from tests.exports_encoder import write_encoder
from tests.server import Server


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
