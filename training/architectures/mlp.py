"""A multilayer perceptron: dense layers over the flattened pixels.

After LeCun, Bottou, Bengio and Haffner, 1998, "Gradient-Based Learning Applied to Document
Recognition", Proc. IEEE 86(11), §III.C.3–4 (networks 28×28-300-10 and 28×28-300-100-10), with
rectifiers in place of the scaled tanh and dropout where asked for. With the default widths and
28×28×1 pixels in 10 classes it has 89,610 parameters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import keras
from keras import layers

VARIANTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "784-100-100-10": {
        "image_shape": (28, 28, 1),
        "num_classes": 10,
        "hidden_dims": (100, 100),
    },
}
"""The course's network, named by its widths as the paper names its own."""


def build(
    image_shape: tuple[int, int, int],
    num_classes: int,
    *,
    hidden_dims: Sequence[int] = (100, 100),
    dropout_rate: float = 0.0,
    input_dropout_rate: float = 0.0,
    kernel_initializer: str = "he_normal",
) -> keras.Model:
    """A perceptron for images of any shape.

    Args:
        image_shape: (H, W, C), pixels.
        num_classes: K.
        hidden_dims: the width of each hidden layer, from the input on.
        dropout_rate: the share of units dropped behind each hidden layer while training, 0–1.
        input_dropout_rate: the share of pixels dropped while training, 0–1 (Srivastava et al.,
            2014, "Dropout", JMLR 15, §4, drop inputs too, fewer of them).
        kernel_initializer: how the hidden layers start. The default keeps the variance that
            rectifiers halve (He et al., 2015, arXiv:1502.01852, §2.2).

    Returns:
        A model from float32 (B, H, W, C), 0–255, to logits (B, K).

    Raises:
        ValueError: `hidden_dims` holds a width below 1, or there are fewer than 2 classes.
    """
    # === Checks ===
    if any(width < 1 for width in hidden_dims):
        raise ValueError(f"hidden_dims are widths of at least 1; received {tuple(hidden_dims)}")
    if num_classes < 2:
        raise ValueError(f"num_classes must be at least 2; received {num_classes}")

    # === Functional model ===
    images = keras.Input(image_shape, name="images")
    x = layers.Rescaling(1 / 255, name="rescaling")(images)
    x = layers.Flatten(name="flatten")(x)  # (B, H·W·C)
    if input_dropout_rate:
        x = layers.Dropout(input_dropout_rate, name="dropout_0")(x)
    for index, width in enumerate(hidden_dims, start=1):
        x = layers.Dense(
            width, activation="relu", kernel_initializer=kernel_initializer, name=f"hidden_{index}"
        )(x)
        if dropout_rate:
            x = layers.Dropout(dropout_rate, name=f"dropout_{index}")(x)
    logits = layers.Dense(num_classes, dtype="float32", name="logits")(x)  # (B, K)

    # === Config ===
    return keras.Model(images, logits, name="mlp")
