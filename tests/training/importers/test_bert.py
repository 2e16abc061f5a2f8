"""BERT's folders of all ages are read, and variants that are not BERT are refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from tests.hugging_face import write_bert
from training.errors import ExportError
from training.importers import Imported, Source, bert
from training.importers._folder import ModelFolder


def _read(path: Path) -> Imported:
    return bert.read(Source(name="it", folder=ModelFolder(path, "it")))


def _answers(imported: Imported) -> np.ndarray:
    return imported.answers["embed_text"]["embeddings"]


def test_what_an_import_says(tmp_path: Path) -> None:
    imported = _read(write_bert(tmp_path / "it"))
    assert imported.description == "Texts as vectors of 32 dimensions: it."
    assert imported.serving.embeddings is not None
    assert imported.serving.embeddings.normalized
    assert len(str(imported.facts["sha256"])) == 64
    inputs = imported.serving.signatures["embed_text"].inputs
    lengths = inputs["mask"].sum(axis=1)
    assert lengths.max() == 20  # cut as the folder says
    assert lengths.min() < 10  # beside short ones
    np.testing.assert_array_equal(inputs["tokens"] == 0, inputs["mask"] == 0)
    # a vector of length 1 may be off by a cosine of 0.999 in bfloat16, and by next to none
    assert imported.tolerance.float32 == pytest.approx(1e-4, rel=0.1)
    assert imported.tolerance.bfloat16 == pytest.approx(0.2 * 32**-0.5, rel=0.1)


def test_names_of_old_and_of_larger_models_are_the_same_weights(tmp_path: Path) -> None:
    expected = _answers(_read(write_bert(tmp_path / "new")))
    old = write_bert(tmp_path / "old")
    tensors = {
        f"bert.{name}".replace("LayerNorm.weight", "LayerNorm.gamma").replace(
            "LayerNorm.bias", "LayerNorm.beta"
        ): tensor
        for name, tensor in load_file(old / "model.safetensors").items()
    }
    tensors["cls.predictions.bias"] = np.zeros(62, np.float32)
    tensors["bert.embeddings.position_ids"] = np.arange(24)[None]
    save_file(tensors, old / "model.safetensors")
    np.testing.assert_array_equal(_answers(_read(old)), expected)


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"is_decoder": True}, "it is a decoder"),
        ({"position_embedding_type": "relative_key"}, "its positions are 'relative_key'"),
        ({"hidden_act": "mish"}, "the activation 'mish'; known are gelu"),
        ({"intermediate_size": 47}, r"is of shape \(48, 32\), and config.json asks for \(47, 32\)"),
        ({"num_hidden_layers": 1}, "which the architecture has no place for"),
        ({"num_hidden_layers": 3}, "the weights lack the tensor 'encoder.layer.2"),
        ({"hidden_size": "wide"}, "says hidden_size = 'wide'; expected a number above 0"),
    ],
)
def test_what_is_no_bert_is_refused(tmp_path: Path, config: dict[str, Any], says: str) -> None:
    folder = write_bert(tmp_path / "it")
    said = json.loads((folder / "config.json").read_text("utf-8"))
    (folder / "config.json").write_text(json.dumps({**said, **config}), encoding="utf-8")
    with pytest.raises(ExportError, match=says):
        _read(folder)
