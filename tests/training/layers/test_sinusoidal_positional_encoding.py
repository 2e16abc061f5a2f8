"""The sinusoids are the paper's."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.training.layer_checks import check_layer
from training.layers.sinusoidal_positional_encoding import SinusoidalPositionalEncoding

INPUTS = np.random.default_rng(0).normal(size=(2, 7, 6)).astype(np.float32)


def test_it_is_a_layer() -> None:
    check_layer(lambda: SinusoidalPositionalEncoding(1000.0), INPUTS)


@pytest.mark.parametrize("width", [6, 5])
def test_it_is_the_formula(width: int) -> None:
    encoding = np.asarray(SinusoidalPositionalEncoding()(np.zeros((1, 50, width), np.float32)))[0]
    for t in (0, 1, 49):
        for channel in range(width):
            angle = t / 10_000 ** (2 * (channel // 2) / width)
            expected = math.cos(angle) if channel % 2 else math.sin(angle)
            assert encoding[t, channel] == pytest.approx(expected, abs=1e-5)


def test_a_wavelength_of_1_is_refused() -> None:
    with pytest.raises(ValueError, match="max_wavelength must be above 1; received 1"):
        SinusoidalPositionalEncoding(1)
