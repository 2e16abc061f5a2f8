"""Figures are written for any number of classes, epochs and mistakes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from training.analysis import plots


def _is_an_image(path: Path) -> bool:
    with Image.open(path) as image:
        extremes = image.convert("L").getextrema()
        return image.format == "PNG" and min(image.size) > 200 and extremes != (255, 255)


@pytest.mark.parametrize("epochs", [1, 12])
@pytest.mark.parametrize("what", ["loss", "accuracy"])
def test_curves(tmp_path: Path, what: str, epochs: int) -> None:
    values = list(np.linspace(0.5, 0.9, epochs))
    plots.save_curves(tmp_path / "c.png", values, values, kept=epochs - 1, what=what, title="tiny")
    assert _is_an_image(tmp_path / "c.png")


@pytest.mark.parametrize("num_classes", [2, 10, 40])
def test_confusion(tmp_path: Path, num_classes: int) -> None:
    truth = np.arange(100) % num_classes
    labels = [f"class {index}" for index in range(num_classes)]
    plots.save_confusion(tmp_path / "c.png", truth, np.roll(truth, 1), labels)
    assert _is_an_image(tmp_path / "c.png")


@pytest.mark.parametrize("wrong", [0, 3, 90])
@pytest.mark.parametrize("channels", [1, 3])
def test_mistakes(tmp_path: Path, wrong: int, channels: int) -> None:
    images = np.random.default_rng(0).integers(0, 256, (100, 8, 8, channels), np.uint8)
    truth = np.zeros(100, np.int64)
    probabilities = np.tile(np.array([0.9, 0.1], np.float32), (100, 1))
    probabilities[:wrong] = [0.2, 0.8]
    plots.save_mistakes(tmp_path / "m.png", images, truth, probabilities, ["no", "yes"])
    assert _is_an_image(tmp_path / "m.png")
