"""A Hugging Face folder says what its files say, and which one lacks what."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from training.errors import ExportError
from training.importers._folder import ModelFolder


def _folder(path: Path, **files: object) -> ModelFolder:
    for name, contents in files.items():
        text = contents if isinstance(contents, str) else json.dumps(contents)
        suffix = ".md" if name == "README" else ".json"
        (path / f"{name}{suffix}").write_text(text, encoding="utf-8")
    return ModelFolder(path, "someone/something")


def test_it_tells_what_its_files_say(tmp_path: Path) -> None:
    config = {"model_type": "bert", "hidden_size": 32, "vocab_size": True, "layers": 0}
    card = "---\nlanguage: en\nlicense: 'apache-2.0'\ntags:\n- x\n---\n# Bert\nlicense: none\n"
    folder = _folder(tmp_path, config=config, tokenizer="{}", README=card)
    assert folder.model_type == "bert"
    assert folder.size("hidden_size") == 32
    assert folder.size("type_vocab_size", 2) == 2
    assert folder.license == "apache-2.0"
    assert folder.tokenizer == "{}"
    assert folder.optional("modules.json") is None
    for key in ("vocab_size", "layers", "missing"):
        with pytest.raises(ExportError, match=f"says {key} = .*; expected a number above 0"):
            folder.size(key)


def test_what_it_lacks_is_told(tmp_path: Path) -> None:
    folder = ModelFolder(tmp_path, "nothing")
    assert folder.license is None
    with pytest.raises(ExportError, match=r"holds no config\.json: expected a Hugging Face"):
        _ = folder.config
    with pytest.raises(ExportError, match=r"holds no tokenizer\.json.*AutoTokenizer"):
        _ = folder.tokenizer


@pytest.mark.parametrize(
    ("config", "says"),
    [("{", "cannot be read"), ([1], r"holds \[1\]; expected a JSON object")],
)
def test_what_cannot_be_read_is_told(tmp_path: Path, config: object, says: str) -> None:
    with pytest.raises(ExportError, match=says):
        _ = _folder(tmp_path, config=config).config


def test_a_card_without_a_license_states_none(tmp_path: Path) -> None:
    folder = _folder(tmp_path, config={}, README="# Bert\nlicense: mit\n")
    assert folder.license is None
    with pytest.raises(ExportError, match="has no model_type"):
        _ = folder.model_type
