"""How a text's vector is made is read from the folder's own files; what is not known is refused."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer

from tests.hugging_face import write_bert
from training.errors import ExportError
from training.importers import Source, _sentences
from training.importers._folder import ModelFolder


@pytest.fixture
def folder(tmp_path: Path) -> ModelFolder:
    return ModelFolder(write_bert(tmp_path / "it"), "it")


def _write(folder: ModelFolder, file: str, contents: Any) -> None:
    text = contents if isinstance(contents, str) else json.dumps(contents)
    (folder.path / file).write_text(text, encoding="utf-8")


def _modules(*kinds: str) -> list[dict[str, str]]:
    return [{"type": f"models.{kind}", "path": f"{n}_{kind}"} for n, kind in enumerate(kinds)]


def test_the_steps_are_those_of_modules_json(folder: ModelFolder, tmp_path: Path) -> None:
    assert _sentences.steps(folder) == _sentences.Steps("mean", normalized=True, dense=None)
    other = write_bert(tmp_path / "other", pooling="cls", normalize=False, dense=5)
    expected = _sentences.Steps("first", normalized=False, dense="2_Dense")
    assert _sentences.steps(ModelFolder(other, "other")) == expected


def test_without_modules_json_it_is_the_mean_and_said_so(
    folder: ModelFolder, caplog: pytest.LogCaptureFixture
) -> None:
    (folder.path / "modules.json").unlink()
    with caplog.at_level(logging.WARNING):
        assert _sentences.steps(folder) == _sentences.Steps("mean", normalized=False, dense=None)
    assert "it has no modules.json" in caplog.text


@pytest.mark.parametrize(
    "kinds",
    [
        ("Transformer",),
        ("Transformer", "Normalize", "Pooling"),
        ("Transformer", "Pooling", "Dense", "Dense"),
        ("Transformer", "Pooling", "LSTM"),
    ],
)
def test_other_steps_are_refused(folder: ModelFolder, kinds: tuple[str, ...]) -> None:
    _write(folder, "modules.json", _modules(*kinds))
    with pytest.raises(ExportError, match=r"modules\.json lists .*; expected Transformer and Pool"):
        _sentences.steps(folder)


@pytest.mark.parametrize(
    ("config", "mode"),
    [({"pooling_mode": "cls"}, "first"), ({"pooling_mode_max_tokens": True}, "max")],
)
def test_the_pooling_is_read_in_either_form(
    folder: ModelFolder, config: Mapping[str, Any], mode: str
) -> None:
    _write(folder, "1_Pooling/config.json", config)
    assert _sentences.steps(folder).pooling == mode


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": True}, "is cls and mean"),
        ({"pooling_mode_lasttoken": True}, "the pooling is lasttoken"),
        ({}, "the pooling is not said"),
        ({"pooling_mode": "mean", "include_prompt": False}, "leaves a prompt's tokens out"),
    ],
)
def test_other_poolings_are_refused(
    folder: ModelFolder, config: Mapping[str, Any], says: str
) -> None:
    _write(folder, "1_Pooling/config.json", config)
    with pytest.raises(ExportError, match=says):
        _sentences.steps(folder)


@pytest.mark.parametrize(("said", "longest"), [(20, 20), (900, 24), (None, 9)])
def test_texts_are_as_long_as_files_and_positions_allow(
    folder: ModelFolder, said: int | None, longest: int
) -> None:
    _write(folder, "sentence_bert_config.json", {"max_seq_length": said})
    _write(folder, "tokenizer_config.json", {"model_max_length": 9})
    assert _sentences.text_input(Source(name="it", folder=folder), 24).max_length == longest


def test_prompts_are_those_of_the_files(
    folder: ModelFolder, caplog: pytest.LogCaptureFixture
) -> None:
    prompts = {"query": "q: ", "passage": "p: ", "sts": ""}
    said = {"prompts": prompts, "default_prompt_name": "query"}
    _write(folder, "config_sentence_transformers.json", said)
    source = Source(name="it", folder=folder)
    with caplog.at_level(logging.WARNING):
        assert _sentences.text_input(source, 24).prompts == {"query": "q: ", "document": "p: "}
    assert "puts 'q: ' before every text by default" in caplog.text
    nothing = Source(name="it", folder=folder, prompts={})
    assert _sentences.text_input(nothing, 24).prompts == {}


def test_prompts_that_only_the_card_tells_are_found_and_said(
    folder: ModelFolder, caplog: pytest.LogCaptureFixture
) -> None:
    _write(folder, "README.md", 'Each text starts with "query: " or "passage: ".')
    with caplog.at_level(logging.WARNING):
        found = _sentences.text_input(Source(name="it", folder=folder), 24).prompts
    assert found == {"query": "query: ", "document": "passage: "}
    assert "it reads like that of E5" in caplog.text


def test_the_exports_tokenizer_neither_cuts_nor_pads(folder: ModelFolder) -> None:
    tokenizer = Tokenizer.from_str(_sentences.tokenizer(folder, 62))
    assert len(tokenizer.encode("a b c d e f g h i j").ids) == 12
    assert len(tokenizer.encode("a").ids) == 3


def test_letters_become_small_where_a_file_says_so(folder: ModelFolder) -> None:
    said = json.loads(folder.tokenizer)
    said["normalizer"] = None
    _write(folder, "tokenizer.json", said)
    again = ModelFolder(folder.path, "it")
    assert Tokenizer.from_str(_sentences.tokenizer(again, 62)).encode("Cat").ids == [2, 1, 3]
    _write(folder, "sentence_bert_config.json", {"do_lower_case": True})
    found = Tokenizer.from_str(_sentences.tokenizer(again, 62)).encode("Cat").tokens
    assert found == ["[CLS]", "cat", "[SEP]"]


def test_a_tokenizer_of_another_model_is_refused(folder: ModelFolder) -> None:
    with pytest.raises(ExportError, match="has tokens up to 61, and the model vectors for 50"):
        _sentences.tokenizer(folder, 50)
    _write(folder, "tokenizer.json", "{}")
    with pytest.raises(ExportError, match=r"tokenizer\.json cannot be read"):
        _sentences.tokenizer(ModelFolder(folder.path, "it"), 62)
