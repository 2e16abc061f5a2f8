"""VGG: stacks of 3×3 convolutions, each stack followed by a pooling, then three dense layers.

Simonyan and Zisserman, 2015, "Very Deep Convolutional Networks for Large-Scale Image Recognition"
(arXiv:1409.1556), table 1, columns A, B, D and E. With 224×224×3 pixels in 1,000 classes VGG-16
(D) has 138,357,544 parameters; its weights are those of `keras.applications.VGG16`, in the same
order (`build(**VARIANTS["16"]).set_weights(VGG16().get_weights())`), and their pixels are scaled
in the model.

Not faithful to the paper:

- Weights begin as He et al., 2015 (arXiv:1502.01852) say. The paper begins the deep networks with
  the layers of a trained shallow one.
- `batch_norm` is of Ioffe and Szegedy, 2015 (arXiv:1502.03167), later than the paper; the
  convolutions then have no biases, which the normalization would take away.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, get_args

import keras
from keras import layers, ops

Scaling = Literal["unit", "caffe"]
"""How pixels 0–255 are scaled. `unit`: to −1…1. `caffe`: less ImageNet's mean colour and in the
order blue, green, red, as the paper's published weights and those of Keras take them."""

CAFFE_MEANS: Final = (103.939, 116.779, 123.68)
"""Mean blue, green and red of ImageNet's training images, 0–255."""

IMAGENET: Final = {"image_shape": (224, 224, 3), "num_classes": 1000, "scaling": "caffe"}
VARIANTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "11": {**IMAGENET, "depths": (1, 1, 2, 2, 2)},
    "13": {**IMAGENET, "depths": (2, 2, 2, 2, 2)},
    "16": {**IMAGENET, "depths": (2, 2, 3, 3, 3)},
    "19": {**IMAGENET, "depths": (2, 2, 4, 4, 4)},
    "28-pixels": {
        "image_shape": (28, 28, 1),
        "num_classes": 10,
        "depths": (2, 2, 2),
        "filters": (24, 64, 128),
        "dense_dims": (256,),
        "dropout_rate": 0.4,
        "batch_norm": True,
    },
}
"""The paper's table 1: A, B, D and E; and a size for small images, the recipe fashion-mnist-vgg's.
"""


def build(
    image_shape: tuple[int, int, int],
    num_classes: int,
    *,
    depths: Sequence[int] = (2, 2, 3, 3, 3),
    filters: Sequence[int] = (64, 128, 256, 512, 512),
    dense_dims: Sequence[int] = (4096, 4096),
    dropout_rate: float = 0.5,
    batch_norm: bool = False,
    scaling: Scaling = "unit",
) -> keras.Model:
    """VGG for images of any shape from 2 to the power of len(depths) pixels up.

    Args:
        image_shape: (H, W, C), pixels.
        num_classes: K.
        depths: convolutions of each stack; each stack is followed by a pooling that halves H and W.
        filters: maps of each stack.
        dense_dims: the widths of the hidden dense layers.
        dropout_rate: the share of units dropped behind each hidden dense layer while training, 0–1.
        batch_norm: normalize each convolution's and hidden dense layer's sums over the batch.
        scaling: how pixels are scaled.

    Returns:
        A model from float32 (B, H, W, C), 0–255, to logits (B, K).

    Raises:
        ValueError: the image is too small or has not the channels of its scaling, depths and
            filters do not match, the scaling is unknown, or there are fewer than 2 classes.
    """
    # === Checks ===
    if len(depths) != len(filters) or min(*depths, *filters) < 1:
        raise ValueError(
            "depths and filters are one number of at least 1 for each stack; "
            f"received depths={tuple(depths)}, filters={tuple(filters)}"
        )
    height, width, channels = image_shape
    if min(height, width) < 2 ** len(depths):
        raise ValueError(
            f"VGG of {len(depths)} stacks needs images of at least {2 ** len(depths)}×"
            f"{2 ** len(depths)} pixels; received {height}×{width}"
        )
    if scaling not in get_args(Scaling):
        raise ValueError(f"scaling must be one of {get_args(Scaling)}; received {scaling!r}")
    if scaling == "caffe" and channels != 3:
        raise ValueError(f"scaling='caffe' takes 3 channels; received {channels}: take 'unit'")
    if num_classes < 2:
        raise ValueError(f"num_classes must be at least 2; received {num_classes}")

    # === Functional model ===                                 at 224×224×3, VGG-16:
    images = keras.Input(image_shape, name="images")
    x = _scaled(images, scaling)
    for stack, (depth, maps) in enumerate(zip(depths, filters, strict=True), start=1):
        for number in range(1, depth + 1):
            x = _convolution(x, maps, f"block{stack}_conv{number}", batch_norm)
        x = layers.MaxPooling2D(2, name=f"block{stack}_pool")(x)  # 112², 56², 28², 14², 7²
    x = layers.Flatten(name="flatten")(x)  # 25,088
    for number, dim in enumerate(dense_dims, start=1):
        name = f"fc{number}"
        dense = layers.Dense(
            dim, use_bias=not batch_norm, kernel_initializer="he_normal", name=name
        )
        x = _rectified(dense(x), name, batch_norm)
        x = layers.Dropout(dropout_rate, name=f"{name}_dropout")(x)
    logits = layers.Dense(num_classes, dtype="float32", name="logits")(x)  # (B, K)

    # === Config ===
    return keras.Model(images, logits, name="vgg")


def _scaled(images: Any, scaling: Scaling) -> Any:
    if scaling == "unit":
        return layers.Rescaling(1 / 127.5, offset=-1.0, name="rescaling")(images)
    offset = [-mean for mean in CAFFE_MEANS]
    return layers.Rescaling(1.0, offset=offset, name="rescaling")(ops.flip(images, axis=-1))


def _convolution(x: Any, filters: int, name: str, batch_norm: bool) -> Any:
    conv = layers.Conv2D(
        filters,
        3,
        padding="same",
        use_bias=not batch_norm,
        kernel_initializer="he_normal",
        name=name,
    )
    return _rectified(conv(x), name, batch_norm)


def _rectified(x: Any, name: str, batch_norm: bool) -> Any:
    if batch_norm:
        x = layers.BatchNormalization(name=f"{name}_norm")(x)
    return layers.ReLU(name=f"{name}_relu")(x)
