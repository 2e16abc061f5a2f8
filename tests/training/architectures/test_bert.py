"""BERT has the sizes of Hugging Face's, and reads a text's tokens alone."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from tests.training.architecture_checks import parameters
from training.architectures import bert

INPUTS = {
    "tokens": np.array([[5, 3, 4, 0], [1, 2, 3, 4]], np.int32),
    "mask": np.array([[True, True, True, False], [True] * 4]),
    "types": np.array([[0, 0, 1, 0], [0, 0, 0, 0]], np.int32),
}


def _small() -> keras.Model:
    keras.utils.set_random_seed(0)
    return bert.build(7, num_layers=2, hidden_dim=8, num_heads=2, mlp_dim=16, max_length=4)


@pytest.mark.parametrize(("variant", "count"), [("minilm-l6", 22_713_216), ("base", 109_482_240)])
def test_the_parameters_are_hugging_faces(variant: str, count: int) -> None:
    how = bert.VARIANTS[variant]
    width, hidden = how["hidden_dim"], how["mlp_dim"]
    embeddings = (30_522 + 512 + 2) * width + 2 * width  # tokens, positions, types; normalization
    attention = 4 * (width**2 + width)
    network = 2 * width * hidden + hidden + width
    pooler = width**2 + width
    layer = attention + network + 2 * 2 * width
    assert embeddings + how["num_layers"] * layer + pooler == count
    assert parameters(bert.build, how)[0] == count


def test_its_outputs_are_kept_by_a_file(tmp_path: Path) -> None:
    model = _small()
    outputs = model(INPUTS)
    assert outputs["hidden"].shape == (2, 4, 8)
    assert outputs["pooled"].shape == (2, 8)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")(INPUTS)
    for name, rows in outputs.items():
        np.testing.assert_allclose(again[name], rows, atol=1e-5)


def test_padding_changes_nothing_and_types_do() -> None:
    model = _small()
    outputs = model(INPUTS)
    shorter = model({name: rows[:1, :3] for name, rows in INPUTS.items()})
    np.testing.assert_allclose(outputs["hidden"][:1, :3], shorter["hidden"], atol=1e-5)
    np.testing.assert_allclose(outputs["pooled"][:1], shorter["pooled"], atol=1e-5)
    other = model({**INPUTS, "types": 1 - INPUTS["types"]})
    assert np.abs(other["pooled"] - outputs["pooled"]).max() > 1e-3


def test_longer_texts_than_it_has_positions_are_refused() -> None:
    with pytest.raises(ValueError, match="there are vectors for 4 positions"):
        _small()({name: np.tile(rows, 2) for name, rows in INPUTS.items()})


def test_no_layers_are_refused() -> None:
    with pytest.raises(ValueError, match="num_layers must be at least 1; received 0"):
        bert.build(7, num_layers=0)
