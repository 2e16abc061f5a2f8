"""MNIST by LeNet-5, made fit for digits as people draw and photograph them."""

from __future__ import annotations

from typing import Final

from training.recipe import Recipe

RECIPE: Final = Recipe(
    name="mnist-lenet5",
    description="Digits 0–9, handwritten, drawn, printed or photographed, by LeNet-5.",
    dataset="mnist",
    architecture="lenet5",
    fit="mnist",
    epochs=20,
    batch_size=128,
    learning_rate=3e-3,
    weight_decay=1e-3,
    averaging=0.999,
    validation_fraction=0.05,
    patience=8,
    rotation=10,
    shift=1.5,
    scale=0.12,
    shear=0.2,
    elastic=1.0,
    thickness=1.2,
    blur=0.7,
    contrast=0.3,
    noise=15,
    specks=0.01,
)
