"""A transducer writes what its model finds likeliest, whatever else is in the batch."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from training.architectures import transformer
from training.text.transducer import Transducer

SOURCE = np.array([[5, 3, 4, 0, 0], [4, 6, 3, 4, 5]], np.int32)


@pytest.fixture(scope="module")
def model() -> keras.Model:
    keras.utils.set_random_seed(1)
    return transformer.build(7, num_layers=1, hidden_dim=8, num_heads=2, mlp_dim=16)


def test_greedy_is_the_model_asked_token_by_token(model: keras.Model) -> None:
    tokens, total = Transducer(model, 6).greedy(SOURCE)
    assert tokens.shape == (2, 6)
    for source, row, likelihood in zip(SOURCE, np.asarray(tokens), total, strict=True):
        written, expected = [1], 0.0
        while len(written) < 7 and written[-1] != 2:
            logits = np.array(model([source[None], np.array([written], np.int32)]))[0, -1]
            logits[:2] = -np.inf  # neither padding nor START
            expected += logits.max() - np.log(np.exp(logits).sum())
            written.append(int(logits.argmax()))
        assert row.tolist() == written[1:] + [0] * (7 - len(written))
        assert float(likelihood) == pytest.approx(expected, abs=1e-4)


def test_one_beam_is_greedy_and_more_are_no_worse(model: keras.Model) -> None:
    transducer = Transducer(model, 6)
    tokens, total = transducer.greedy(SOURCE)
    one, _ = transducer.beam(SOURCE, num_beams=1)
    np.testing.assert_array_equal(one[:, 0], tokens)
    many, scores = transducer.beam(SOURCE, num_beams=7, length_penalty=0)
    assert many.shape == (2, 7, 6)
    assert (np.asarray(scores)[:, 0] >= np.asarray(total) - 1e-4).all()
    assert (np.diff(scores, axis=1) <= 0).all()


def test_neighbours_in_the_batch_change_nothing(model: keras.Model) -> None:
    transducer = Transducer(model, 6)
    together, scores = transducer.beam(SOURCE)
    alone, score = transducer.beam(SOURCE[:1, :3])
    np.testing.assert_array_equal(together[:1], alone)
    np.testing.assert_allclose(scores[:1], score, atol=1e-4)


def test_the_model_can_still_be_saved(model: keras.Model, tmp_path: Path) -> None:
    expected = np.asarray(Transducer(model, 6).greedy(SOURCE)[0])
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(Transducer(again, 6).greedy(SOURCE)[0], expected)
