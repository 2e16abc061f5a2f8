"""Golden inputs are made the same every time, or read as the service would read them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from service.manifest import ImageInput
from training.errors import ExportError
from training.exporting import goldens


@pytest.mark.parametrize("shape", [(28, 28, 1), (32, 32, 3), (10, 24, 1), (224, 224, 3)])
def test_made_for_any_size_and_always_the_same(shape: tuple[int, int, int]) -> None:
    images = goldens.made(*shape)
    assert images.shape[1:] == shape
    assert images.dtype == np.uint8
    assert 8 <= len(images) <= 16
    assert len({image.tobytes() for image in images}) == len(images)
    assert np.array_equal(images, goldens.made(*shape))


SPEC = ImageInput(height=8, width=8, channels=3)


def test_examples_are_read_by_the_service_in_the_order_of_their_names(tmp_path: Path) -> None:
    (tmp_path / "roses").mkdir()
    for name, colour in (("b.png", "blue"), ("a.png", "red"), ("roses/c.gif", "white")):
        Image.new("RGB", (20, 10), colour).save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no image")
    images = goldens.read(tmp_path, SPEC)
    assert images.shape == (3, 8, 8, 3)
    assert images[:, 0, 0].tolist() == [[255, 0, 0], [0, 0, 255], [255, 255, 255]]


def test_a_missing_or_empty_folder_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="is no folder"):
        goldens.read(tmp_path / "none", SPEC)
    with pytest.raises(ExportError, match="holds no images"):
        goldens.read(tmp_path, SPEC)


def test_a_broken_example_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n and nothing more")
    with pytest.raises(ExportError, match=r"broken\.png cannot be read"):
        goldens.read(tmp_path, SPEC)
