"""The penalties are their formulas and Keras' own; a model saved with them keeps them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from tests.training.layer_checks import unregistered
from training.layers.dense import Dense
from training.objectives.regularizers import L1, L1L2, L2

WEIGHTS = np.array([[0.5, -2.0], [0.0, 1.0]], np.float32)
PAIRS = [
    (L1(0.1), keras.regularizers.L1(0.1), 0.1 * 3.5),
    (L2(0.1), keras.regularizers.L2(0.1), 0.1 * 5.25),
    (L1L2(0.1, 0.2), keras.regularizers.L1L2(0.1, 0.2), 0.1 * 3.5 + 0.2 * 5.25),
    (L1L2(l2=0.2), keras.regularizers.L1L2(l2=0.2), 0.2 * 5.25),
]


@pytest.mark.parametrize(("ours", "theirs", "expected"), PAIRS)
def test_it_is_its_formula_and_keras_own(ours: Any, theirs: Any, expected: float) -> None:
    weights = keras.Variable(WEIGHTS)
    assert float(ours(weights)) == pytest.approx(expected)
    assert float(theirs(weights)) == pytest.approx(expected)


@pytest.mark.parametrize("ours", [pair[0] for pair in PAIRS])
def test_a_saved_model_keeps_it(tmp_path: Path, ours: Any) -> None:
    inputs = keras.Input((2,))
    layer = Dense(2, kernel_regularizer=ours)
    model = keras.Model(inputs, layer(inputs))
    layer.kernel.assign(WEIGHTS)
    model.save(tmp_path / "model.keras")
    by_name = keras.models.load_model(tmp_path / "model.keras")
    with unregistered(Dense, type(ours)) as custom_objects:
        named = keras.models.load_model(tmp_path / "model.keras", custom_objects=custom_objects)
    for again in (by_name, named):
        kept = again.layers[-1].kernel_regularizer
        assert type(kept) is type(ours)
        assert kept.get_config() == ours.get_config()
        assert float(again.losses[0]) == pytest.approx(float(model.losses[0]))


@pytest.mark.parametrize("factor", [-0.1, float("nan"), float("inf"), None, True, "0.1"])
def test_a_factor_is_a_finite_number_of_at_least_0(factor: Any) -> None:
    for make, name in ((L1, "factor"), (L2, "factor"), (L1L2, "l1")):
        with pytest.raises(ValueError, match=f"{name} must be a finite number of at least 0"):
            make(factor)
    with pytest.raises(ValueError, match="l2 must be a finite number of at least 0"):
        L1L2(l2=factor)
