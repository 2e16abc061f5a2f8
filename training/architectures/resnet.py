"""Residual networks for small images: a 3×3 convolution, three stages of basic blocks, one head.

He, Zhang, Ren and Sun, 2016, "Deep Residual Learning for Image Recognition" (arXiv:1512.03385),
§4.2: 6n+2 layers of 16, 32 and 64 filters on maps of 32, 16 and 8 pixels, and shortcuts without
parameters (option A).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import keras
from keras import layers

from training.layers.basic_block import BasicBlock

CIFAR: Final = (32, 32, 3)
VARIANTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "20": {"image_shape": CIFAR, "num_classes": 10, "depths": (3, 3, 3)},
    "32": {"image_shape": CIFAR, "num_classes": 10, "depths": (5, 5, 5)},
    "44": {"image_shape": CIFAR, "num_classes": 10, "depths": (7, 7, 7)},
    "56": {"image_shape": CIFAR, "num_classes": 10, "depths": (9, 9, 9)},
}
"""The paper's table 6."""


def build(
    image_shape: tuple[int, int, int],
    num_classes: int,
    *,
    depths: tuple[int, ...] = (3, 3, 3),
    width: int = 16,
) -> keras.Model:
    """A residual network for images of any shape.

    Args:
        image_shape: (H, W, C), pixels.
        num_classes: K.
        depths: blocks of each stage; each but the first halves height and width.
        width: filters of the first stage; each further one has twice as many.

    Returns:
        A model from float32 (B, H, W, C), 0–255, to logits (B, K).

    Raises:
        ValueError: a stage has no block, or there are fewer than 2 classes.
    """
    # === Checks ===
    if not depths or min(depths) < 1:
        raise ValueError(f"depths are numbers of blocks, at least 1 each; received {depths}")
    if num_classes < 2:
        raise ValueError(f"num_classes must be at least 2; received {num_classes}")

    # === Functional model ===                                        at 32×32×3:
    images = keras.Input(image_shape, name="images")
    x = layers.Rescaling(1 / 64, offset=-2, name="rescaling")(images)  # mean near 0, deviation 1
    x = layers.Conv2D(
        width,
        3,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        name="stem",
    )(x)  # 32×32×16
    x = layers.BatchNormalization(name="stem_norm")(x)
    x = layers.ReLU(name="stem_relu")(x)
    for stage, depth in enumerate(depths):
        for block in range(depth):
            strides = 2 if stage and not block else 1
            name = f"stage_{stage + 1}_block_{block + 1}"
            x = BasicBlock(width * 2**stage, strides=strides, name=name)(x)
    x = layers.GlobalAveragePooling2D(name="pool")(x)  # 64
    logits = layers.Dense(num_classes, name="logits")(x)  # (B, K)

    # === Config ===
    return keras.Model(images, logits, name="resnet")
