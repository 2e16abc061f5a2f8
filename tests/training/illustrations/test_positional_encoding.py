"""The figure shows the paper's encodings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from training.illustrations import positional_encoding
from training.illustrations.positional_encoding import LENGTH, WIDTH, encodings


def test_encodings_are_sines_and_cosines() -> None:
    encoding = encodings()
    assert encoding.shape == (LENGTH, WIDTH)
    assert encoding[5, 8] == pytest.approx(np.sin(5 / 10_000 ** (8 / WIDTH)), abs=1e-5)
    assert encoding[5, 9] == pytest.approx(np.cos(5 / 10_000 ** (8 / WIDTH)), abs=1e-5)


def test_it_draws(tmp_path: Path) -> None:
    with Image.open(positional_encoding.draw(tmp_path)) as drawn:
        assert drawn.width > 1000
