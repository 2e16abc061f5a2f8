"""CIFAR-10 by ResNet-20.

He, Zhang, Ren and Sun, 2016, "Deep Residual Learning for Image Recognition" (arXiv:1512.03385),
§4.2 and table 6: 91.25 % in 64,000 steps of 128.

    python -m training train cifar10-resnet20

The paper's optimizer (with Nesterov's momentum) and augmentation (crops of images padded by 4,
flips); the learning rate falls along a cosine instead of in steps, over 24,448 steps. Not run to
its end yet: no accuracy of ours stands here before it is measured.
"""

from __future__ import annotations

from typing import Final

from training.recipe import Recipe

RECIPE: Final = Recipe(
    name="cifar10-resnet20",
    description="Photographs of ten kinds of animals and vehicles (CIFAR-10), by ResNet-20.",
    dataset="cifar10",
    architecture="resnet",
    arguments={"depths": (3, 3, 3)},
    epochs=64,
    batch_size=128,
    optimizer="sgd",
    learning_rate=0.2,
    weight_decay=5e-4,
    validation_fraction=0.02,
    keep="last",
    flip=0.5,
    crop=4,
)
