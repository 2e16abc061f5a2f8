"""MNIST by LeNet-5 as of 1998: connection table, trained subsampling, bitmaps for an output.

LeCun, Bottou, Bengio and Haffner, 1998, "Gradient-Based Learning Applied to Document Recognition",
Proc. IEEE 86(11), §III.B: 99.05 % after 20 passes over the undistorted training images.

Measured on the test set: 98.95 % (seed 1), in 14 minutes on 2 cores of an AMD EPYC that other work
shared.

    python -m training train mnist-lenet5-1998

As in the paper no image is distorted; its stochastic diagonal Levenberg–Marquardt steps are AdamW's
here.
"""

from __future__ import annotations

from typing import Final

from training.recipe import Recipe

RECIPE: Final = Recipe(
    name="mnist-lenet5-1998",
    description="Handwritten digits 0–9 by LeNet-5 as its paper has it.",
    dataset="mnist",
    architecture="lenet5",
    arguments={"original": True},
    fit="mnist",
    epochs=20,
    batch_size=128,
    learning_rate=3e-3,
    weight_decay=1e-3,
    averaging=0.999,
    validation_fraction=0.05,
    patience=20,
)
