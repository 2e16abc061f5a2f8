"""Fixtures that several rooms' tests share."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from service import devices
from service.store import Export, find


@pytest.fixture
def export(models_dir: Path, tmp_path: Path) -> Export:
    """A copy of a sound export, to be broken."""
    return find(shutil.copytree(models_dir / "shade" / "1", tmp_path / "shade" / "1"))


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same choices on every machine."""
    monkeypatch.setattr(devices, "gpu_count", lambda: 0)
