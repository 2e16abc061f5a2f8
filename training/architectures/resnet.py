"""Residual networks: a stem, stages of residual blocks on ever smaller maps, one head.

He, Zhang, Ren and Sun, 2016, "Deep Residual Learning for Image Recognition" (arXiv:1512.03385).
For small images §4.2: 6n+2 layers of 16, 32 and 64 filters on maps of 32, 16 and 8 pixels, and
shortcuts without parameters (option A). For ImageNet §4.1 and table 1: a stem that leaves a quarter
of height and width, four stages, and projections where the shape changes (option B).

The second version normalizes before each convolution: He, Zhang, Ren and Sun, 2016, "Identity
Mappings in Deep Residual Networks" (arXiv:1603.05027), fig. 4 (e). Unlike theirs, a basic first
block normalizes behind the fork: its shortcut carries the stem's bare convolution.

Parameters at 224×224×3 in 1,000 classes, moving statistics among them: 25,636,712 in ResNet-50. The
weights of 50, 101 and 152, in both versions, are those of `keras.applications`, in the same order
(`build(**VARIANTS["50"]).set_weights(ResNet50().get_weights())`), and their pixels are scaled in
the model. For that they have what the papers lack: biases before normalizations, and in the second
version steps in the last block of a stage. 18 and 34 have neither.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, Literal, get_args

import keras
from keras import layers, ops

from training.layers.basic_block import BasicBlock, Shortcut
from training.layers.bottleneck_block import BottleneckBlock

Block = Literal["basic", "bottleneck"]
Stem = Literal["small", "imagenet"]
"""What comes before the stages: a 3×3 convolution, or one of 7×7 and a pooling, each of step 2."""

Scaling = Literal["standard", "unit", "caffe"]
"""How pixels 0–255 are scaled. `standard`: to a mean near 0 and a deviation near 1. `unit`: to
−1…1. `caffe`: less ImageNet's mean colour and in the order blue, green, red."""

CAFFE_MEANS: Final = (103.939, 116.779, 123.68)
"""Mean blue, green and red of ImageNet's training images, 0–255."""

CIFAR: Final = {"image_shape": (32, 32, 3), "num_classes": 10}
IMAGENET: Final = {
    "image_shape": (224, 224, 3),
    "num_classes": 1000,
    "width": 64,
    "stem": "imagenet",
    "shortcut": "projection",
}
BASIC: Final = {**IMAGENET, "epsilon": 1e-5}
BOTTLENECK: Final = {**IMAGENET, "block": "bottleneck", "epsilon": 1.001e-5}
KERAS_V1: Final = {**BOTTLENECK, "use_bias": True, "scaling": "caffe"}
KERAS_V2: Final = {
    **BOTTLENECK,
    "preactivation": True,
    "steps_last": True,
    "scaling": "unit",
}
VARIANTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "20": {**CIFAR, "depths": (3, 3, 3)},
    "32": {**CIFAR, "depths": (5, 5, 5)},
    "44": {**CIFAR, "depths": (7, 7, 7)},
    "56": {**CIFAR, "depths": (9, 9, 9)},
    "20-v2": {**CIFAR, "depths": (3, 3, 3), "preactivation": True},
    "32-v2": {**CIFAR, "depths": (5, 5, 5), "preactivation": True},
    "44-v2": {**CIFAR, "depths": (7, 7, 7), "preactivation": True},
    "56-v2": {**CIFAR, "depths": (9, 9, 9), "preactivation": True},
    "18": {**BASIC, "depths": (2, 2, 2, 2)},
    "34": {**BASIC, "depths": (3, 4, 6, 3)},
    "50": {**KERAS_V1, "depths": (3, 4, 6, 3)},
    "101": {**KERAS_V1, "depths": (3, 4, 23, 3)},
    "152": {**KERAS_V1, "depths": (3, 8, 36, 3)},
    "18-v2": {**BASIC, "depths": (2, 2, 2, 2), "preactivation": True},
    "34-v2": {**BASIC, "depths": (3, 4, 6, 3), "preactivation": True},
    "50-v2": {**KERAS_V2, "depths": (3, 4, 6, 3)},
    "101-v2": {**KERAS_V2, "depths": (3, 4, 23, 3)},
    "152-v2": {**KERAS_V2, "depths": (3, 8, 36, 3)},
}
"""The first paper's tables 6 and 1, and their depths in the second version."""


def build(
    image_shape: tuple[int, int, int],
    num_classes: int,
    *,
    depths: tuple[int, ...] = (3, 3, 3),
    width: int = 16,
    block: Block = "basic",
    preactivation: bool = False,
    shortcut: Shortcut = "padding",
    stem: Stem = "small",
    steps_last: bool = False,
    use_bias: bool = False,
    epsilon: float = 1e-3,
    scaling: Scaling = "standard",
) -> keras.Model:
    """A residual network for images of any shape.

    Args:
        image_shape: (H, W, C), pixels.
        num_classes: K.
        depths: blocks of each stage; each but the first halves height and width.
        width: filters of the first stage; each further one has twice as many.
        block: two 3×3 convolutions, or one between two of 1×1 that ends on four times the filters.
        preactivation: the second version, which normalizes before each convolution.
        shortcut: how a basic block's input comes by its output's shape; a bottleneck projects.
        stem: what comes before the stages.
        steps_last: halve in the last block of each stage but the last stage, not in the first of
            each but the first.
        use_bias: give biases to the stem and to the bottlenecks' convolutions that a normalization
            follows.
        epsilon: of all normalizations.
        scaling: how pixels are scaled.

    Returns:
        A model from float32 (B, H, W, C), 0–255, to logits (B, K).

    Raises:
        ValueError: a stage has no block, a choice is unknown, the image has not the channels of its
            scaling, or there are fewer than 2 classes.
    """
    # === Checks ===
    if not depths or min(depths) < 1:
        raise ValueError(f"depths are numbers of blocks, at least 1 each; received {depths}")
    for name, value, known in (
        ("block", block, get_args(Block)),
        ("stem", stem, get_args(Stem)),
        ("scaling", scaling, get_args(Scaling)),
    ):
        if value not in known:
            raise ValueError(f"{name} must be one of {known}; received {value!r}")
    if scaling == "caffe" and image_shape[-1] != 3:
        raise ValueError(f"scaling='caffe' takes 3 channels; received {image_shape[-1]}")
    if num_classes < 2:
        raise ValueError(f"num_classes must be at least 2; received {num_classes}")

    # === Functional model ===                                        at 32×32×3:
    images = keras.Input(image_shape, name="images")
    x = _scaled(images, scaling)
    bias = use_bias or (preactivation and stem == "imagenet")  # no normalization follows this one
    x = _stem(x, width, stem, bias, None if preactivation else epsilon)  # 32×32×16
    options: dict[str, Any] = {"preactivation": preactivation, "epsilon": epsilon}
    if block == "basic":
        make = partial(BasicBlock, shortcut=shortcut, **options)
    else:
        make = partial(BottleneckBlock, use_bias=use_bias, **options)
    x = _stages(x, make, width, depths, steps_last)  # 8×8×64
    if preactivation:
        x = _rectified(x, "last", epsilon)
    x = layers.GlobalAveragePooling2D(name="pool")(x)  # 64
    logits = layers.Dense(num_classes, dtype="float32", name="logits")(x)  # (B, K)

    # === Config ===
    return keras.Model(images, logits, name="resnet")


def _scaled(images: Any, scaling: Scaling) -> Any:
    if scaling == "standard":
        return layers.Rescaling(1 / 64, offset=-2, name="rescaling")(images)
    if scaling == "unit":
        return layers.Rescaling(1 / 127.5, offset=-1.0, name="rescaling")(images)
    offset = [-mean for mean in CAFFE_MEANS]
    return layers.Rescaling(1.0, offset=offset, name="rescaling")(ops.flip(images, axis=-1))


def _stem(x: Any, width: int, stem: Stem, bias: bool, epsilon: float | None) -> Any:
    """The first convolution, normalized unless `epsilon` is None, and the pooling if any."""
    large = stem == "imagenet"
    if large:
        x = layers.ZeroPadding2D(3, name="stem_frame")(x)
    x = layers.Conv2D(
        width,
        7 if large else 3,
        strides=2 if large else 1,
        padding="valid" if large else "same",
        use_bias=bias,
        kernel_initializer="he_normal",
        name="stem",
    )(x)
    if epsilon is not None:
        x = _rectified(x, "stem", epsilon)
    if large:
        x = layers.ZeroPadding2D(1, name="stem_pool_frame")(x)
        x = layers.MaxPooling2D(3, strides=2, name="stem_pool")(x)
    return x


def _stages(
    x: Any, make: Callable[..., keras.Layer], width: int, depths: tuple[int, ...], steps_last: bool
) -> Any:
    for stage, depth in enumerate(depths):
        step = depth - 1 if steps_last else 0
        halves = stage < len(depths) - 1 if steps_last else stage > 0
        for block in range(depth):
            strides = 2 if halves and block == step else 1
            name = f"stage_{stage + 1}_block_{block + 1}"
            x = make(width * 2**stage, strides=strides, name=name)(x)
    return x


def _rectified(x: Any, name: str, epsilon: float) -> Any:
    x = layers.BatchNormalization(epsilon=epsilon, name=f"{name}_norm")(x)
    return layers.ReLU(name=f"{name}_relu")(x)
