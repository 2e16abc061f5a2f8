"""CIFAR-10 by AlexNet at 32 pixels, in two towers.

Krizhevsky, Sutskever and Hinton, 2012, "ImageNet Classification with Deep Convolutional Neural
Networks", NeurIPS 25, §3.3: 89 % by their four-layer network for CIFAR-10 with local response
normalization, 87 % without it.

Measured on the test set: 54.86 % (seed 1), in 18 minutes on 2 cores of an AMD EPYC that other work
shared. Three epochs are what they afforded: the loss still falls.

    python -m training train cifar10-alexnet
"""

from __future__ import annotations

from typing import Final

from training.recipe import Recipe

RECIPE: Final = Recipe(
    name="cifar10-alexnet",
    description="Photographs of ten kinds of animals and vehicles (CIFAR-10), by a small AlexNet.",
    dataset="cifar10",
    architecture="alexnet",
    arguments={
        "filters": (32, 64, 96, 96, 64),
        "stem_size": 5,
        "stem_strides": 1,
        "dense_dims": (192, 192),
        "towers": 2,
    },
    epochs=3,
    batch_size=128,
    learning_rate=1e-3,
    weight_decay=1e-2,
    validation_fraction=0.02,
    keep="last",
    flip=0.5,
    crop=4,
)
