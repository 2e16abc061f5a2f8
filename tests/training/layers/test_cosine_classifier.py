"""Classes are told by the angle alone, whatever the length of their vectors."""

from __future__ import annotations

import numpy as np
import pytest

from tests.training.layer_checks import check_layer
from training.layers.cosine_classifier import CosineClassifier

VECTORS = np.eye(2, 6, dtype=np.float32)


def test_it_is_a_layer_as_all() -> None:
    check_layer(lambda: CosineClassifier(3, 0.5), VECTORS)


def test_logits_are_cosines_by_the_temperature() -> None:
    layer = CosineClassifier(5, 0.05)
    logits = np.asarray(layer(VECTORS))
    kernel = np.asarray(layer.kernel)
    expected = VECTORS @ kernel.T / np.linalg.norm(kernel, axis=1) / 0.05
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-5)
    layer.kernel.assign(3 * kernel)
    np.testing.assert_allclose(layer(VECTORS), logits, rtol=1e-4, atol=1e-5)


def test_there_is_a_class() -> None:
    with pytest.raises(ValueError, match="at least 1; received 0"):
        CosineClassifier(0)
