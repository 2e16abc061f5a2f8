"""Local response normalization is the paper's formula, at the edges too."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.training.layer_checks import check_layer
from training.layers.local_response_normalization import LocalResponseNormalization

RANDOM = np.random.default_rng(0)


def test_it_is_a_layer() -> None:
    inputs = RANDOM.normal(size=(2, 3, 4, 7)).astype(np.float32)
    check_layer(lambda: LocalResponseNormalization(3, alpha=0.5), inputs)


@pytest.mark.parametrize("channels", [1, 3, 9])
def test_it_is_the_formula(channels: int) -> None:
    inputs = RANDOM.normal(scale=100, size=(2, 2, 3, channels)).astype(np.float32)
    found = np.asarray(LocalResponseNormalization()(inputs))
    np.testing.assert_allclose(found, _by_loops(inputs, 5, 2.0, 1e-4, 0.75), rtol=1e-5)


def _by_loops(
    a: NDArray[np.float32], n: int, k: float, alpha: float, beta: float
) -> NDArray[np.float32]:
    b, maps = np.empty_like(a), a.shape[-1]
    for i in range(maps):
        near = range(max(0, i - n // 2), min(maps - 1, i + n // 2) + 1)
        energy = sum(a[..., j] ** 2 for j in near)
        b[..., i] = a[..., i] / (k + alpha * energy) ** beta
    return b


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"depth_size": 4}, "depth_size must be odd and at least 1; received 4"),
        ({"bias": 0.0}, "bias must be above 0.* received 0.0"),
        ({"alpha": -1.0}, "alpha must be at least 0; received -1.0"),
    ],
)
def test_what_cannot_be_is_refused(arguments: dict[str, float], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        LocalResponseNormalization(**arguments)  # type: ignore[arg-type]  # on purpose
