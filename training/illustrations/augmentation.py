"""Every augmentation on a drawn image: the original, then eight draws of each, row by row."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from training.analysis.plots import STYLE
from training.data.augmentation import Augmentation

SIZE: Final = 64
"""Height and width of the drawn image, pixels."""
DRAWS: Final = 8
"""Images of a row behind the original."""
CHANGES: Final[Mapping[str, Mapping[str, Any]]] = {
    "flip 0.5": {"flip": 0.5},
    "rotation 20°": {"rotation": 20},
    "shift 8 px": {"shift": 8},
    "crop 8 px": {"crop": 8},
    "scale 0.3": {"scale": 0.3},
    "shear 0.3": {"shear": 0.3},
    "elastic 3 px": {"elastic": 3},
    "brightness 0.3": {"brightness": 0.3},
    "contrast 0.7": {"contrast": 0.7},
    "saturation 1": {"saturation": 1},
    "hue 60°": {"hue": 60},
    "blur 2 px": {"blur": 2},
    "noise 40": {"noise": 40},
    "cutout 24 px": {"cutout": 24},
}
"""Each knob alone, strong enough to be seen, for an image of 64 pixels."""


def draw(folder: Path) -> Path:
    """Write `augmentation.png` into a folder."""
    path = folder / "augmentation.png"
    save_sheet(path, boat()[np.newaxis], CHANGES)
    return path


def save_sheet(
    path: Path, images: NDArray[np.uint8], changes: Mapping[str, Mapping[str, Any]]
) -> None:
    """Write a contact sheet: a row for each change, its first image unchanged.

    Args:
        path: the PNG file to write.
        images: uint8 (N, H, W, C), taken in turn: a row shows one of them.
        changes: by the row's title, what `Augmentation` takes.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(1.4 + 0.85 * (DRAWS + 1), 0.9 * len(changes)))
        grid = figure.subplots(len(changes), DRAWS + 1, squeeze=False)
        for number, (row, (title, change)) in enumerate(zip(grid, changes.items(), strict=True)):
            original = images[number % len(images)]
            shown = [original, *varied(original, Augmentation(**change), seed=number)]
            for axes, image in zip(row, shown, strict=True):
                axes.imshow(image.squeeze(), cmap="gray", vmin=0, vmax=255)
                axes.axis("off")
            row[0].text(
                -0.15, 0.5, title, transform=row[0].transAxes, ha="right", va="center", size=10
            )
        figure.savefig(path, dpi=90, metadata={"Software": None}, pil_kwargs={"optimize": True})


def varied(image: NDArray[np.uint8], augmentation: Augmentation, seed: int) -> NDArray[np.uint8]:
    """Draws of one image uint8 (H, W, C): uint8 (DRAWS, H, W, C)."""
    batch = tf.repeat(tf.cast(image[np.newaxis], tf.float32), DRAWS, axis=0)
    changed: NDArray[np.uint8] = tf.cast(
        augmentation(batch, tf.constant([1, seed])), tf.uint8
    ).numpy()
    return changed


def boat() -> NDArray[np.uint8]:
    """A sailing boat under the sun, uint8 (64, 64, 3): left, right, up and colours can be told."""
    times = 4  # drawn larger, so that edges are smooth
    canvas = Image.new("RGB", (SIZE * times, SIZE * times), "#a9d4ee")
    pen = ImageDraw.Draw(canvas)

    def at(*places: tuple[float, float]) -> list[tuple[float, float]]:
        return [(x * times, y * times) for x, y in places]

    pen.ellipse(at((6, 6), (18, 18)), fill="#f5c431")
    pen.rectangle(at((0, 46), (64, 64)), fill="#2f6f9f")
    pen.polygon(at((14, 44), (52, 44), (46, 54), (20, 54)), fill="#8a4b2a")
    pen.polygon(at((33, 8), (33, 41), (50, 41)), fill="#ffffff")
    pen.polygon(at((30, 14), (30, 41), (18, 41)), fill="#d94f3d")
    pen.rectangle(at((31, 6), (32, 45)), fill="#4b3323")
    return np.asarray(canvas.resize((SIZE, SIZE), Image.Resampling.LANCZOS))
