"""The contact sheet shows an original and its changes; the boat has a left and a right."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from training.data.augmentation import Augmentation
from training.illustrations import augmentation
from training.illustrations.augmentation import DRAWS, boat, varied


def test_the_boat_is_told_from_its_mirror_images() -> None:
    image = boat()
    assert image.shape == (64, 64, 3)
    for mirrored in (image[::-1], image[:, ::-1]):
        assert (image != mirrored).mean() > 0.05


def test_draws_differ() -> None:
    drawn = varied(boat(), Augmentation(hue=60), seed=1)
    assert drawn.shape == (DRAWS, 64, 64, 3)
    assert len({image.tobytes() for image in drawn}) == DRAWS


@pytest.mark.parametrize("changes", [{"flip": {"flip": 0.5}, "hue": {"hue": 60}}])
def test_it_draws(
    changes: dict[str, dict[str, float]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(augmentation, "CHANGES", changes)
    with Image.open(augmentation.draw(tmp_path)) as drawn:
        pixels = np.asarray(drawn.convert("RGB"))
    assert pixels.shape[1] > 500
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 100


def test_every_change_is_one() -> None:
    for change in augmentation.CHANGES.values():
        assert Augmentation(**change).active
