"""A model is fetched from the hub by name: what is asked of `huggingface_hub`, an extra.

A stand-in takes the library's place, for there may be no internet.
"""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.hugging_face import write_bert
from training.errors import ExportError, UsageError
from training.importers import _hub
from training.running.pretrained import import_model

NAME = "sentence-transformers/all-MiniLM-L6-v2"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Any]:
    """What the library was asked for; it gives a folder."""
    calls: dict[str, Any] = {}

    def snapshot_download(repo_id: str, **options: Any) -> str:
        calls.update(repo_id=repo_id, **options)
        return str(write_bert(tmp_path / "fetched"))

    fake = SimpleNamespace(snapshot_download=snapshot_download)
    monkeypatch.setitem(sys.modules, "huggingface_hub", fake)
    return calls


def test_it_fetches_what_an_import_needs_and_no_more(asked: dict[str, Any]) -> None:
    folder = _hub.fetch(NAME, "v1")
    assert (folder / "model.safetensors").is_file()
    assert (asked["repo_id"], asked["revision"]) == (NAME, "v1")
    allowed = asked["allow_patterns"]
    assert {"*.json", "*.safetensors", "README.md"} == set(allowed)
    assert "onnx/*" in asked["ignore_patterns"]


def test_a_model_is_imported_by_its_name(
    asked: dict[str, Any], unproven: None, tmp_path: Path
) -> None:
    models = tmp_path / "models"
    folder = import_model(NAME, models_dir=models, revision="main")
    assert folder == models / "all-minilm-l6-v2" / "1"
    manifest = (folder / "assets.extra/manifest.json").read_text("utf-8")
    assert f'"source": "{NAME}"' in manifest
    assert '"revision": "main"' in manifest


def test_without_the_library_the_remedy_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(UsageError, match=r"pip install 'lutrin\[hub\]'"):
        _hub.fetch(NAME)


def test_what_the_hub_refuses_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise RuntimeError("401 Client Error\nRepository Not Found for url …")

    fake = SimpleNamespace(snapshot_download=refuse)
    monkeypatch.setitem(sys.modules, "huggingface_hub", fake)
    with pytest.raises(ExportError, match=r"does not give it: 401 Client Error$"):
        _hub.fetch("no/such-model")


def test_what_is_no_name_is_not_asked_for(asked: dict[str, Any], tmp_path: Path) -> None:
    for source in ("bert", "./bert", "/no/such/folder", "a/b/c"):
        with pytest.raises(UsageError, match=r"is no folder; expected one, a model on the Hugging"):
            import_model(source, models_dir=tmp_path)
    assert not asked


def test_the_library_takes_what_it_is_asked() -> None:
    real = pytest.importorskip("huggingface_hub", reason="the extra `hub` is not installed")
    parameters = inspect.signature(real.snapshot_download).parameters
    assert {"repo_id", "revision", "allow_patterns", "ignore_patterns"} <= set(parameters)
