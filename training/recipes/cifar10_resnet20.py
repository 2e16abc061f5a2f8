"""CIFAR-10 by ResNet-20.

He, Zhang, Ren and Sun, 2016, "Deep Residual Learning for Image Recognition" (arXiv:1512.03385),
§4.2 and table 6: 91.25 % in 64,000 steps of 128.

    python -m training train cifar10-resnet20

The augmentation is the paper's: crops of images padded by 4, and flips. Not faithful, to need fewer
steps (24,448): Nesterov's momentum, a learning rate of 0.2 that falls along a cosine (0.1, in three
steps), a decoupled decay of 5e-4 of kernels alone (1e-4, of all weights), and 2 % of the training
images held out. Not run to its end yet: no accuracy of ours stands here before it is measured.
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
