"""LeNet-5 in its usual modern form.

LeCun, Bottou, Bengio and Haffner, 1998, "Gradient-Based Learning Applied to Document Recognition",
Proc. IEEE 86(11), §II.B and fig. 2. With 28×28×1 pixels in 10 classes: 61,706 parameters.

    C1  6 maps 5×5   S2 ↓2   C3  16 maps 5×5   S4 ↓2   C5 120   F6 84   output K

Not faithful to the paper:

- 28×28 pixels padded by 2 in C1 stand for its 32×32 input.
- Every map of C3 sees all maps of S2; the paper joins them by a table (its table I: 1,516 weights
  and biases in C3, here 2,416).
- Subsampling is a plain maximum; the paper's is a trained scale and bias over a mean, then tanh.
- Rectifiers replace the scaled tanh 1.7159·tanh(2a/3).
- The output is K logits; the paper's is K Euclidean radial basis functions on fixed 7×12 bitmaps.
- C5 is a dense layer, as it is in the paper at 32×32; larger images give it more inputs.
"""

from __future__ import annotations

import keras
from keras import layers

MINIMUM_SIZE = 12
"""Pixels: the smallest height and width that leave S4 at least one row and column."""


def build(
    image_shape: tuple[int, int, int],
    num_classes: int,
    *,
    activation: str = "relu",
    dropout_rate: float = 0.0,
) -> keras.Model:
    """LeNet-5 for images of any shape from 12×12 pixels up.

    Args:
        image_shape: (H, W, C), pixels.
        num_classes: K.
        activation: the nonlinearity of all hidden layers, by its Keras name.
        dropout_rate: the share of units dropped behind C5 and F6 while training, 0–1.

    Returns:
        A model from float32 (B, H, W, C), 0–255, to logits (B, K).

    Raises:
        ValueError: the image is smaller than 12×12, or there are fewer than 2 classes.
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
    logits = layers.Dense(num_classes, name="logits")(x)  # (B, K)

    # === Config ===
    return keras.Model(images, logits, name="lenet5")
