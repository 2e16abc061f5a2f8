"""The attention figure shows the scores of the model's own last block."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from service.manifest import keras_path
from training.architectures import transformer
from training.errors import DatasetError
from training.illustrations import attention
from training.text.vocabulary import Vocabulary

VOCABULARY = Vocabulary(("a", "b", "c"))


def _model(num_layers: int = 2) -> keras.Model:
    keras.utils.set_random_seed(3)
    return transformer.build(7, num_layers=num_layers, hidden_dim=8, num_heads=2, mlp_dim=16)


@pytest.mark.parametrize("num_layers", [1, 2])
def test_every_character_written_looks_at_those_read(num_layers: int) -> None:
    text, scores = attention.look(_model(num_layers), VOCABULARY, "abcab")
    assert scores.shape == (2, len(text), 5)
    np.testing.assert_allclose(scores.sum(axis=-1), 1, atol=1e-5)


def test_it_is_drawn_by_the_newest_export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attention, "MODELS", tmp_path)
    for version, num_layers in (("9", 1), ("10", 2)):
        path = keras_path(tmp_path / "dates-transformer" / version)
        path.parent.mkdir(parents=True)
        _model(num_layers).save(path)
    seen: list[int] = []

    def look(model: keras.Model, vocabulary: Vocabulary, source: str) -> tuple[str, np.ndarray]:
        seen.append(sum(layer.name.startswith("decoder") for layer in model.layers))
        return "2021", np.full((4, 4, len(source)), 1 / len(source), np.float32)

    monkeypatch.setattr(attention, "look", look)
    path = attention.draw(tmp_path)
    assert seen == [2]
    with Image.open(path) as image:
        assert image.size == (1320, 864)


def test_without_an_export_it_says_how_to_make_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attention, "MODELS", tmp_path)
    with pytest.raises(DatasetError, match="python -m training train dates-transformer"):
        attention.draw(tmp_path)
