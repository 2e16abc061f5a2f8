"""AlexNet: five convolutions and three dense layers, in one tower or two.

Krizhevsky, Sutskever and Hinton, 2012, "ImageNet Classification with Deep Convolutional Neural
Networks", NeurIPS 25, §3 and fig. 2. With 227×227×3 pixels in 1,000 classes: 60,965,224 parameters
in two towers, as the paper has them on two GPUs, and 62,378,344 in one.

    C1 96 maps 11×11 ↓4, normalized, ↓2   C2 256 maps 5×5, normalized, ↓2   C3 384 maps 3×3
    C4 384 maps 3×3   C5 256 maps 3×3, ↓2   F6 4096   F7 4096   output K

In two towers every layer of convolutions is halved, and C2, C4 and C5 see their own tower alone;
C3 and the dense layers see both. Pooling takes the maximum of 3×3 pixels every 2 (§3.4).

Not faithful to the paper:

- 227×227 pixels: its 224 do not give its 55×55 maps in C1.
- Pixels are centred by 128, not by the mean image of the training set, and divided by 64, so that
  weights and biases learn at one rate; the normalization's α is 64² times the paper's, which makes
  it the paper's of sums 64 times smaller.
- He's initialization (He et al., 2015, arXiv:1502.01852) and biases of 0: the paper's deviation of
  0.01 with biases of 1 in C2, C4, C5, F6 and F7 needs its hand-turned learning rate.
- Towers normalize their own maps; the paper does not say what the neighbours of a tower's edge are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import keras
from keras import layers

from training.layers.local_response_normalization import LocalResponseNormalization

SCALE: Final = 64.0
"""What centred pixels are divided by: about their deviation."""

IMAGENET: Final = {"image_shape": (227, 227, 3), "num_classes": 1000}
VARIANTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "one-tower": {**IMAGENET, "towers": 1},
    "two-towers": {**IMAGENET, "towers": 2},
    "32-pixels": {
        "image_shape": (32, 32, 3),
        "num_classes": 10,
        "filters": (32, 64, 96, 96, 64),
        "stem_size": 5,
        "stem_strides": 1,
        "dense_dims": (192, 192),
        "towers": 2,
    },
}
"""The paper's sizes, and the recipe cifar10-alexnet's, where C1 must not lose 3 of 4 rows."""


def build(
    image_shape: tuple[int, int, int],
    num_classes: int,
    *,
    filters: Sequence[int] = (96, 256, 384, 384, 256),
    stem_size: int = 11,
    stem_strides: int = 4,
    dense_dims: Sequence[int] = (4096, 4096),
    towers: int = 1,
    dropout_rate: float = 0.5,
) -> keras.Model:
    """AlexNet for images of any shape from 14·stem_strides + stem_size pixels up.

    Args:
        image_shape: (H, W, C), pixels.
        num_classes: K.
        filters: maps of C1 to C5, over both towers.
        stem_size: height and width of C1's kernels, pixels.
        stem_strides: the distance between their places, pixels.
        dense_dims: the widths of F6, F7 and so on.
        towers: how many columns the convolutions are parted in: 2 in the paper.
        dropout_rate: the share of units dropped behind each hidden dense layer while training, 0–1.

    Returns:
        A model from float32 (B, H, W, C), 0–255, to logits (B, K).

    Raises:
        ValueError: the image is too small, the filters are not five multiples of `towers`, or there
            are fewer than 2 classes.
    """
    # === Checks ===
    height, width, _ = image_shape
    least = 14 * stem_strides + stem_size  # C1 leaves 15 rows, which three poolings turn into 1
    if min(height, width) < least:
        raise ValueError(
            f"AlexNet with a stem of {stem_size} pixels every {stem_strides} needs images of at "
            f"least {least}×{least} pixels; received {height}×{width}"
        )
    if towers < 1 or len(filters) != 5 or any(maps < 1 or maps % towers for maps in filters):
        raise ValueError(
            f"filters are five multiples of towers; received {tuple(filters)} in {towers} towers"
        )
    if num_classes < 2:
        raise ValueError(f"num_classes must be at least 2; received {num_classes}")
    c1, c2, c3, c4, c5 = filters

    # === Functional model ===                              at 227×227×3, all towers:
    images = keras.Input(image_shape, name="images")
    x = layers.Rescaling(1 / SCALE, offset=-128 / SCALE, name="rescaling")(images)
    parts = [x] * towers
    parts = _convolution(parts, c1, stem_size, "c1", strides=stem_strides)  # 55×55×96
    parts = _pooling(_normalization(parts, "c1_norm"), "c1_pool")  # 27×27×96
    parts = _convolution(parts, c2, 5, "c2")  # 27×27×256
    parts = _pooling(_normalization(parts, "c2_norm"), "c2_pool")  # 13×13×256
    parts = [_joined(parts, "c2_joined")] * towers
    parts = _convolution(parts, c3, 3, "c3")  # 13×13×384
    parts = _convolution(parts, c4, 3, "c4")  # 13×13×384
    parts = _pooling(_convolution(parts, c5, 3, "c5"), "c5_pool")  # 6×6×256
    x = layers.Flatten(name="flatten")(_joined(parts, "c5_joined"))  # 9216
    for number, dim in enumerate(dense_dims, start=6):
        x = _dense(x, dim, f"f{number}")
        x = layers.Dropout(dropout_rate, name=f"f{number}_dropout")(x)
    logits = layers.Dense(num_classes, dtype="float32", name="logits")(x)  # (B, K)

    # === Config ===
    return keras.Model(images, logits, name="alexnet")


def _convolution(
    parts: list[Any], filters: int, kernel_size: int, name: str, *, strides: int = 0
) -> list[Any]:
    """Each tower's share of `filters`; with strides no padding, without them the same size."""
    return [
        layers.Conv2D(
            filters // len(parts),
            kernel_size,
            strides=strides or 1,
            padding="valid" if strides else "same",
            activation="relu",
            kernel_initializer="he_normal",
            name=_named(name, parts, index),
        )(x)
        for index, x in enumerate(parts)
    ]


def _dense(x: Any, units: int, name: str) -> Any:
    return layers.Dense(units, activation="relu", kernel_initializer="he_normal", name=name)(x)


def _normalization(parts: list[Any], name: str) -> list[Any]:
    return [
        LocalResponseNormalization(alpha=1e-4 * SCALE**2, name=_named(name, parts, index))(x)
        for index, x in enumerate(parts)
    ]


def _pooling(parts: list[Any], name: str) -> list[Any]:
    """Windows of 3×3 every 2 pixels, which overlap (§3.4)."""
    return [
        layers.MaxPooling2D(3, strides=2, name=_named(name, parts, index))(x)
        for index, x in enumerate(parts)
    ]


def _joined(parts: list[Any], name: str) -> Any:
    return layers.Concatenate(name=name)(parts) if len(parts) > 1 else parts[0]


def _named(name: str, parts: list[Any], index: int) -> str:
    return f"{name}_tower_{index + 1}" if len(parts) > 1 else name
