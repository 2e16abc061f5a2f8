"""The Transformer has the paper's size, sees no later target and no padding."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from tests.training.architecture_checks import parameters
from training.architectures import transformer
from training.layers.transformer_encoder_block import Norm

SOURCE = np.array([[5, 3, 4, 0, 0], [1, 2, 3, 4, 5]], np.int32)
TARGET = np.array([[1, 4, 0, 0], [1, 3, 5, 2]], np.int32)


def _small(norm: Norm = "post") -> keras.Model:
    keras.utils.set_random_seed(0)
    return transformer.build(
        7, num_layers=2, hidden_dim=8, num_heads=2, mlp_dim=16, dropout_rate=0.3, norm=norm
    )


@pytest.mark.parametrize(("variant", "count"), [("base", 63_045_632), ("big", 214_171_648)])
def test_the_parameters_are_those_of_the_formulas(variant: str, count: int) -> None:
    how = transformer.VARIANTS[variant]
    width, hidden = how["hidden_dim"], how["mlp_dim"]
    attention = 4 * width**2  # §3.2.2 has no biases
    network = 2 * width * hidden + hidden + width  # §3.3 has
    norm = 2 * width
    encoder = attention + network + 2 * norm
    decoder = 2 * attention + network + 3 * norm
    # one table of 37,000 rows for both sides and the logits (§3.4, §5.1); table 3 says 65 and 213 M
    assert 37_000 * width + 6 * (encoder + decoder) == count
    assert parameters(transformer.build, how)[0] == count


@pytest.mark.parametrize("norm", ["post", "pre"])
def test_any_lengths_become_finite_logits_that_a_file_keeps(norm: Norm, tmp_path: Path) -> None:
    model = _small(norm)
    logits = np.asarray(model([SOURCE, TARGET]))
    assert logits.shape == (2, 4, 7)
    assert np.isfinite(logits).all()
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert again.count_params() == model.count_params()  # the one table is still one
    np.testing.assert_allclose(again([SOURCE, TARGET]), logits, atol=1e-5)


def test_padding_and_later_targets_change_nothing() -> None:
    model = _small()
    logits = np.asarray(model([SOURCE, TARGET]))
    np.testing.assert_allclose(model([SOURCE[:1, :3], TARGET[:1, :2]]), logits[:1, :2], atol=1e-5)
    later = TARGET.copy()
    later[:, 2:] = 6
    np.testing.assert_allclose(model([SOURCE, later])[:, :2], logits[:, :2], atol=1e-5)


def test_the_loss_leaves_padding_out() -> None:
    model = _small()
    model.compile(loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    labels = np.array([[4, 2, 0, 0], [3, 5, 2, 6]])
    log_probabilities = np.log(keras.ops.softmax(model([SOURCE, TARGET])))
    right = np.take_along_axis(log_probabilities, labels[..., None], axis=-1)[..., 0]
    expected = -right[TARGET != 0].mean()
    loss = model.evaluate([SOURCE, TARGET], labels, verbose=0)
    assert loss == pytest.approx(expected, rel=1e-5)


def test_it_parts_at_the_memory_for_decoding() -> None:
    model = _small()
    source, target = model.inputs
    memory = model.get_layer("memory").output
    encoded = keras.Model(source, memory)(SOURCE)
    decoder = keras.Model([source, memory, target], model.output)
    bare = np.asarray(encoded)  # without the mask that Keras hangs on it
    np.testing.assert_allclose(decoder([SOURCE, bare, TARGET]), model([SOURCE, TARGET]), atol=1e-5)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="vocabulary_size must be at least 2; received 1"):
        transformer.build(1)
    with pytest.raises(ValueError, match="num_layers must be at least 1; received 0"):
        transformer.build(7, num_layers=0)
