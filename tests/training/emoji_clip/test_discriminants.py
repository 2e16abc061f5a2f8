"""Discriminants tell classes apart that a plain distance takes for one another."""

from __future__ import annotations

import numpy as np
import pytest

from training.emoji_clip.discriminants import Discriminants

RANDOM = np.random.default_rng(0)


def _examples(count: int = 8) -> np.ndarray:
    """Classes that differ in two small features, under loud noise in another two."""
    angles = np.arange(count) * 2 * np.pi / count
    means = np.stack([np.cos(angles), np.sin(angles), *np.zeros((2, count))], axis=1)
    noise = RANDOM.normal(size=(count, 6, 4)) * [0.05, 0.05, 20, 20]
    return (means[:, np.newaxis] + noise + 5).astype(np.float32)


def test_unseen_examples_lie_at_their_class() -> None:
    found = Discriminants.fit(_examples(), 2, shrinkage=1e-4)
    unseen = _examples()[:, 0]
    raw = unseen - unseen.mean(axis=0)
    assert ((raw @ raw.T).argmax(axis=1) == np.arange(8)).sum() < 8  # loudness alone speaks
    placed = unseen @ found.kernel + found.bias
    np.testing.assert_array_equal((placed @ found.means.T).argmax(axis=1), np.arange(8))
    np.testing.assert_allclose(np.linalg.norm(found.means, axis=1), 1, rtol=1e-5)
    assert {found.kernel.dtype, found.bias.dtype, found.means.dtype} == {np.dtype(np.float32)}


def test_more_directions_than_there_are_classes_are_refused() -> None:
    with pytest.raises(ValueError, match="8 classes of 4 features have no 5 discriminants"):
        Discriminants.fit(_examples(), 5)
