"""Augmentations on images of MNIST and CIFAR-10: for a look at home, not for publishing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from training.datasets import cifar10, mnist
from training.illustrations.augmentation import save_sheet

DIGITS: Final[Mapping[str, Mapping[str, Any]]] = {
    "rotation 15°": {"rotation": 15},
    "shift 3 px": {"shift": 3},
    "scale 0.2": {"scale": 0.2},
    "shear 0.3": {"shear": 0.3},
    "elastic 1 px": {"elastic": 1},
    "thickness 1 px": {"thickness": 1},
    "blur 1 px": {"blur": 1},
    "contrast 0.6": {"contrast": 0.6},
    "noise 30": {"noise": 30},
    "specks 0.05": {"specks": 0.05},
    "cutout 8 px": {"cutout": 8},
}
"""For 28×28 pixels in grey: no mirror images, for a mirrored digit is no digit."""
PHOTOGRAPHS: Final[Mapping[str, Mapping[str, Any]]] = {
    "flip 0.5": {"flip": 0.5},
    "crop 4 px": {"crop": 4},
    "rotation 15°": {"rotation": 15},
    "brightness 0.2": {"brightness": 0.2},
    "saturation 0.7": {"saturation": 0.7},
    "hue 30°": {"hue": 30},
    "cutout 16 px": {"cutout": 16},
}
"""For 32×32 pixels in colour."""


def draw(folder: Path) -> tuple[Path, ...]:
    """Write `augmentation-mnist.png` and `augmentation-cifar10.png` into a folder.

    Raises:
        DatasetError: a data set is missing.
    """
    sheets = {"mnist": (mnist.load, DIGITS), "cifar10": (cifar10.load, PHOTOGRAPHS)}
    paths = []
    for name, (load, changes) in sheets.items():
        paths.append(folder / f"augmentation-{name}.png")
        save_sheet(paths[-1], load().train.images[: len(changes)], changes)
    return tuple(paths)
