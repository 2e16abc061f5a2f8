"""The activations that Keras lacks are their formulas, and files that name them load."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np

from training.layers.activations import quick_gelu

X = np.linspace(-6, 6, 241, dtype=np.float32)


def test_it_is_the_formula_and_near_gelu() -> None:
    expected = X / (1 + np.exp(-1.702 * X))
    np.testing.assert_allclose(quick_gelu(X), expected, atol=1e-6)
    gelu = keras.activations.gelu(X, approximate=False)
    assert 0.01 < np.abs(np.asarray(gelu) - expected).max() < 0.021


def test_a_file_that_names_it_loads(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, activation=quick_gelu)])
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    inputs = X[:12].reshape(4, 3)
    np.testing.assert_allclose(again(inputs), model(inputs), atol=1e-6)
