"""Fixtures that several rooms' tests share."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.exports.folder import Export, find
from service.machine import devices
from tests import exports_foreign, triton_models
from tests.exports import write_classifier
from tests.server import Server


@pytest.fixture
def export(models_dir: Path, tmp_path: Path) -> Export:
    """A copy of a sound export, to be broken."""
    return find(shutil.copytree(models_dir / "shade" / "1", tmp_path / "shade" / "1"))


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same choices on every machine."""
    monkeypatch.setattr(devices, "gpu_count", lambda: 0)


@pytest.fixture(scope="session")
def grpc_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that speaks gRPC too, of our own models and of those of the protocols' examples."""
    folder = tmp_path_factory.mktemp("models")
    triton_models.write_simple(folder / "simple" / "1")
    exports_foreign.write_half_plus(folder / "half_plus" / "123", 2.0)
    exports_foreign.write_types(folder / "types" / "1")
    exports_foreign.write_strings(folder / "strings" / "1")
    write_classifier(folder / "shade" / "3")
    labels = "models:\n  half_plus:\n    labels: {stable: 123}\n"
    (folder / "models.yaml").write_text(labels, encoding="utf-8")
    with Server(
        MODELS_DIR=folder,
        GRPC_PORT=0,
        MAX_BODY_BYTES=4_000_000,
        ADMIN="true",
        ADMIN_TOKEN="a token of the tests",  # noqa: S106 — no secret
    ) as running:
        yield running
