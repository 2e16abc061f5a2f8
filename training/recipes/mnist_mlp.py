"""MNIST by a perceptron 784-100-100-10."""

from __future__ import annotations

from typing import Final

from training.recipe import Recipe

RECIPE: Final = Recipe(
    name="mnist-mlp",
    description="Handwritten digits 0–9 by a small perceptron, for comparison with LeNet-5.",
    dataset="mnist",
    architecture="mlp",
    arguments={"hidden_dims": (100, 100)},
    fit="mnist",
    epochs=30,
    batch_size=128,
    learning_rate=2e-3,
    weight_decay=1e-3,
    averaging=0.999,
    patience=8,
    rotation=8,
    shift=1,
    scale=0.08,
    shear=0.1,
    elastic=0.5,
)
