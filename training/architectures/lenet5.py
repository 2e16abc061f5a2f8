"""LeNet-5, in its usual modern form and in that of 1998.

LeCun, Bottou, Bengio and Haffner, 1998, "Gradient-Based Learning Applied to Document Recognition",
Proc. IEEE 86(11), §II.B and fig. 2. With 28×28×1 pixels in 10 classes: 61,706 parameters in the
modern form, 60,000 that learn in the original one.

    C1  6 maps 5×5   S2 ↓2   C3  16 maps 5×5   S4 ↓2   C5 120   F6 84   output K

The modern form is not faithful to the paper:

- 28×28 pixels padded by 2 in C1 stand for its 32×32 input.
- Every map of C3 sees all maps of S2; the paper joins them by a table (its table I: 1,516 weights
  and biases in C3, here 2,416).
- Subsampling is a plain maximum; the paper's is a trained scale and bias over a sum, then squashed.
- Rectifiers replace the scaled tanh 1.7159·tanh(2a/3).
- The output is K logits; the paper's is K Euclidean radial basis functions on fixed 7×12 bitmaps.
- C5 is a dense layer, as it is in the paper at 32×32; larger images give it more inputs.

The original form (`original=True`) has all of these but the last. What is left to say of it:

- The paper shows its bitmaps as images only, so ours are drawn anew in their manner. Classes that
  are not ten take random codes, which the paper names as the other choice (§II.B).
- The output is the negative of the paper's distance, so that the nearest class has the largest
  logit; their cross-entropy is the paper's eq. 9 without its constant for rubbish.
- Weights begin with the deviation 1/√inputs (LeCun, Bottou, Orr and Müller, 1998, "Efficient
  BackProp", §4.6), not uniformly within ±2.4/inputs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import keras
import numpy as np
from keras import layers

from training.layers.partial_conv_2d import PartialConv2D
from training.layers.radial_basis_output import RadialBasisOutput
from training.layers.scaled_tanh import ScaledTanh
from training.layers.subsampling import Subsampling

MINIMUM_SIZE = 12
"""Pixels: the smallest height and width that leave S4 at least one row and column."""

MNIST: Final = {"image_shape": (28, 28, 1), "num_classes": 10}
VARIANTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "modern": MNIST,
    "1998": {**MNIST, "original": True},
}

C3_TABLE: Final = (
    *((0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5)),
    *((0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (0, 3, 4, 5), (0, 1, 4, 5), (0, 1, 2, 5)),
    *((0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5), (0, 1, 2, 3, 4, 5)),
)
"""The maps of S2 that each map of C3 sees: the paper's table I."""

BITMAPS: Final = """
..###.. ...#... ..###.. ..###.. .....#. ####### ...###. ####### ..###.. ..###..
.#...#. ..##... .#...#. .#...#. ....##. #...... ..#.... ......# .#...#. .#...#.
#.....# .#.#... #.....# #.....# ...#.#. #...... .#..... .....#. #.....# #.....#
#.....# ...#... ......# ......# ...#.#. #...... #...... .....#. #.....# #.....#
#.....# ...#... ......# .....#. ..#..#. #.###.. #...... ....#.. .#...#. #.....#
#.....# ...#... .....#. ..###.. ..#..#. ##...#. #.###.. ....#.. ..###.. .#...##
#.....# ...#... ....#.. .....#. .#...#. ......# ##...#. ...#... .#...#. ..###.#
#.....# ...#... ...#... ......# .#...#. ......# #.....# ...#... #.....# ......#
#.....# ...#... ..#.... ......# ####### ......# #.....# ..#.... #.....# ......#
#.....# ...#... .#..... #.....# .....#. #.....# #.....# ..#.... #.....# .....#.
.#...#. ...#... #...... .#...#. .....#. .#...#. .#...#. .#..... .#...#. ....#..
..###.. .#####. ####### ..###.. .....#. ..###.. ..###.. .#..... ..###.. .###...
"""
"""The digits 0–9, 7×12 pixels each: what F6 is to show, 1 for ink and −1 for paper."""


def build(
    image_shape: tuple[int, int, int],
    num_classes: int,
    *,
    activation: str = "relu",
    dropout_rate: float = 0.0,
    original: bool = False,
) -> keras.Model:
    """LeNet-5 for images of any shape from 12×12 pixels up.

    Args:
        image_shape: (H, W, C), pixels.
        num_classes: K.
        activation: the nonlinearity of all hidden layers, by its Keras name.
        dropout_rate: the share of units dropped behind C5 and F6 while training, 0–1.
        original: build the form of 1998, whose nonlinearity is its own and which drops nothing.

    Returns:
        A model from float32 (B, H, W, C), 0–255, to logits (B, K).

    Raises:
        ValueError: the image is smaller than 12×12, there are fewer than 2 classes, or the
            original is asked for with another nonlinearity or with dropout.
    """
    # === Checks ===
    height, width, _ = image_shape
    if min(height, width) < MINIMUM_SIZE:
        raise ValueError(
            f"LeNet-5 needs images of at least {MINIMUM_SIZE}×{MINIMUM_SIZE} pixels; "
            f"received {height}×{width}"
        )
    if num_classes < 2:
        raise ValueError(f"num_classes must be at least 2; received {num_classes}")

    if original:
        if (activation, dropout_rate) != ("relu", 0.0):
            raise ValueError(
                "original=True has a nonlinearity of its own and no dropout; received "
                f"activation={activation!r}, dropout_rate={dropout_rate}: leave them out"
            )
        return _build_original(image_shape, num_classes)

    # === Functional model ===                                         at 28×28×1:
    images = keras.Input(image_shape, name="images")
    x = layers.Rescaling(1 / 255, name="rescaling")(images)
    x = layers.Conv2D(6, 5, padding="same", activation=activation, name="c1")(x)  # 28×28×6
    x = layers.MaxPooling2D(2, name="s2")(x)  # 14×14×6
    x = layers.Conv2D(16, 5, activation=activation, name="c3")(x)  # 10×10×16
    x = layers.MaxPooling2D(2, name="s4")(x)  # 5×5×16
    x = layers.Flatten(name="flatten")(x)  # 400
    x = layers.Dense(120, activation=activation, name="c5")(x)
    if dropout_rate:
        x = layers.Dropout(dropout_rate, name="dropout_c5")(x)
    x = layers.Dense(84, activation=activation, name="f6")(x)
    if dropout_rate:
        x = layers.Dropout(dropout_rate, name="dropout_f6")(x)
    logits = layers.Dense(num_classes, dtype="float32", name="logits")(x)  # (B, K)

    # === Config ===
    return keras.Model(images, logits, name="lenet5")


def _build_original(image_shape: tuple[int, int, int], num_classes: int) -> keras.Model:
    # === Functional model ===                                         at 28×28×1:
    images = keras.Input(image_shape, name="images")
    x = layers.ZeroPadding2D(2, name="frame")(images)  # 32×32×1
    # paper −0.1 and ink 1.175: over MNIST a mean near 0 and a variance near 1 (§II.B)
    x = layers.Rescaling(1.275 / 255, offset=-0.1, name="rescaling")(x)
    x = layers.Conv2D(6, 5, kernel_initializer="lecun_uniform", name="c1")(x)  # 28×28×6
    x = ScaledTanh(name="c1_squash")(x)
    x = Subsampling(2, name="s2")(x)  # 14×14×6
    x = ScaledTanh(name="s2_squash")(x)
    x = PartialConv2D(C3_TABLE, 5, name="c3")(x)  # 10×10×16
    x = ScaledTanh(name="c3_squash")(x)
    x = Subsampling(2, name="s4")(x)  # 5×5×16
    x = ScaledTanh(name="s4_squash")(x)
    x = layers.Flatten(name="flatten")(x)  # 400
    for name, width in (("c5", 120), ("f6", 84)):
        x = layers.Dense(width, kernel_initializer="lecun_uniform", name=name)(x)
        x = ScaledTanh(name=f"{name}_squash")(x)
    logits = RadialBasisOutput(_codes(num_classes), dtype="float32", name="logits")(x)  # (B, K)

    # === Config ===
    return keras.Model(images, logits, name="lenet5_1998")


def _codes(num_classes: int) -> list[list[float]]:
    """What F6's 84 units are to be for each class, 1 or −1."""
    if num_classes == 10:
        lines = [line.split() for line in BITMAPS.split("\n") if line]  # 12 lines of 10 digits
        rows = ["".join(line[digit] for line in lines) for digit in range(10)]
        return [[1.0 if pixel == "#" else -1.0 for pixel in row] for row in rows]
    codes: list[list[float]] = (
        np.random.default_rng(0).choice([-1.0, 1.0], (num_classes, 84)).tolist()
    )
    return codes
