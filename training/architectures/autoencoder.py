"""A convolutional autoencoder in the shape of a U: down by pooling, up again by unpooling.

Hinton and Salakhutdinov, 2006, "Reducing the Dimensionality of Data with Neural Networks", Science
313 (the idea); Masci, Meier, Cireşan and Schmidhuber, 2011, "Stacked Convolutional Auto-Encoders",
ICANN (convolutions and max pooling); Noh, Hong and Han, 2015 (arXiv:1505.04366), §3 (unpooling by
the pooled positions); Ronneberger, Fischer and Brox, 2015, "U-Net" (arXiv:1505.04597), §2 (skip
connections).

    level 1:  image → conv ──────── (skip) ──────── conv → image
                      pool ── (positions) ── unpool
    level 2:             conv ───────────── conv
                         pool ───────── unpool
                            … → code → conv

What goes around the code is not compressed: max-unpooling is told where each maximum stood, a skip
connection hands a whole level over. Only with neither is the code all that the decoder knows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal, get_args

import keras
from keras import layers

from training.layers.average_pooling_2d import AveragePooling2D
from training.layers.conv_2d import Conv2D
from training.layers.conv_2d_transpose import Conv2DTranspose
from training.layers.max_pooling_2d import MaxPooling2D
from training.layers.max_unpooling_2d import MaxUnpooling2D
from training.layers.nearest_unpooling_2d import NearestUnpooling2D

Pooling = Literal["max", "average"]
Unpooling = Literal["max", "nearest", "transposed"]
Level = tuple[int, Pooling, Unpooling]
"""Channels of a level, how it is left downwards, and how it is reached again upwards."""

VARIANTS: Final[Mapping[str, Mapping[str, Any]]] = {
    # by the way up: told where the maxima were; repeated pixels; a learnt enlargement; one of each
    "max": {"levels": ((8, "max", "max"), (16, "max", "max"))},
    "nearest": {"levels": ((8, "max", "nearest"), (16, "max", "nearest"))},
    "transposed": {"levels": ((8, "max", "transposed"), (16, "max", "transposed"))},
    "mixed": {"levels": ((8, "max", "transposed"), (16, "average", "nearest"), (32, "max", "max"))},
    "unet": {
        "levels": ((8, "max", "transposed"), (16, "max", "transposed")),
        "skip_connections": True,
    },
}
"""`build`'s arguments by name."""


def build(
    image_shape: tuple[int, int, int],
    *,
    levels: Iterable[Level] = VARIANTS["mixed"]["levels"],
    code_channels: int = 8,
    skip_connections: bool = False,
    activation: str = "relu",
) -> keras.Model:
    """An autoencoder for images of any shape; each level halves them, rounded up.

    Args:
        image_shape: (H, W, C), pixels.
        levels: from the image down, each (channels, pooling, unpooling).
        code_channels: channels of the code, which is ⌈H / 2ᴸ⌉ × ⌈W / 2ᴸ⌉ at L levels.
        skip_connections: whether the decoder also sees what the encoder saw at each level.
        activation: the nonlinearity of all but the code and the image, by its Keras name.

    Returns:
        A model from float32 (B, H, W, C), 0–255, to its reconstruction float32 (B, H, W, C), 0–1;
        its layer `code` gives the code.

    Raises:
        ValueError: there is no level, one says what cannot be, or the image is too small for them.
    """
    # === Checks ===
    levels = tuple((channels, pooling, unpooling) for channels, pooling, unpooling in levels)
    _check(levels, min(image_shape[:2]))

    # === Functional model ===
    images = keras.Input(image_shape, name="images")
    x = layers.Rescaling(1 / 255, name="rescaling")(images)
    shapes, positions, skips = [], [], []
    for number, (channels, pooling, unpooling) in enumerate(levels, 1):
        x = _conv(channels, activation, f"encoder_{number}")(x)
        shapes.append(x.shape[1:3])
        skips.append(x)
        x, places = _pool(x, pooling, f"pool_{number}", with_positions=unpooling == "max")
        positions.append(places)
    x = Conv2D(code_channels, 3, padding="same", name="code")(x)
    x = _conv(levels[-1][0], activation, "decoder")(x)
    for number, (_, _, unpooling) in reversed(list(enumerate(levels, 1))):
        x = _unpool(x, positions[number - 1], unpooling, shapes[number - 1], f"unpool_{number}")
        if skip_connections:
            x = layers.Concatenate(name=f"skip_{number}")([x, skips[number - 1]])
        if number > 1:
            x = _conv(levels[number - 2][0], activation, f"decoder_{number}")(x)
    image = Conv2D(
        image_shape[-1], 3, padding="same", activation="sigmoid", dtype="float32", name="image"
    )(x)

    # === Config ===
    return keras.Model(images, image, name="autoencoder")


def _check(levels: tuple[Level, ...], side: int) -> None:
    if not levels:
        raise ValueError("an autoencoder needs at least one level; received none")
    for level in levels:
        _, pooling, unpooling = level
        if pooling not in get_args(Pooling) or unpooling not in get_args(Unpooling):
            raise ValueError(
                f"a level is (channels, {'|'.join(get_args(Pooling))}, "
                f"{'|'.join(get_args(Unpooling))}); received {level}"
            )
        if unpooling == "max" and pooling != "max":
            raise ValueError(f"only max pooling has positions for max-unpooling; received {level}")
    if side < 2 ** len(levels):
        raise ValueError(
            f"{len(levels)} levels need images of at least {2 ** len(levels)} pixels a side; "
            f"received {side}"
        )


def _conv(channels: int, activation: str, name: str) -> keras.Layer:
    return Conv2D(
        channels,
        3,
        padding="same",
        activation=activation,
        kernel_initializer="he_normal",
        name=name,
    )


def _pool(x: Any, pooling: Pooling, name: str, *, with_positions: bool) -> tuple[Any, Any]:
    """Half the size, rounded up, and where the maxima stood if that is wanted."""
    if pooling == "average":
        return AveragePooling2D(2, padding="same", name=name)(x), None
    if with_positions:
        values, positions = MaxPooling2D(2, padding="same", return_positions=True, name=name)(x)
        return values, positions
    return MaxPooling2D(2, padding="same", name=name)(x), None


def _unpool(x: Any, positions: Any, unpooling: Unpooling, size: tuple[int, int], name: str) -> Any:
    """Back to `size`: twice as large, less the row and column by which pooling rounded up."""
    if unpooling == "max":
        return MaxUnpooling2D(2, padding="same", output_size=size, name=name)(x, positions)
    if unpooling == "nearest":
        x = NearestUnpooling2D(2, name=name)(x)
    else:
        x = Conv2DTranspose(x.shape[-1], 2, strides=2, padding="same", name=name)(x)
    surplus = (0, x.shape[1] - size[0]), (0, x.shape[2] - size[1])
    return x if surplus == ((0, 0), (0, 0)) else layers.Cropping2D(surplus, name=f"{name}_cut")(x)
