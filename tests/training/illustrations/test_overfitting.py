"""The illustration's trainings are real: losses of networks that learn from moons."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from training.illustrations import overfitting
from training.illustrations.overfitting import fit, moons


def test_moons_are_points_of_two_classes_and_the_same_every_time() -> None:
    points, labels = moons(200, seed=1)
    assert points.shape == (200, 2)
    assert labels.shape == (200, 1)
    assert set(labels.ravel()) == {0, 1}
    assert np.array_equal(points, moons(200, seed=1)[0])
    assert not np.array_equal(points, moons(200, seed=2)[0])


def test_a_fit_learns_its_points_and_knows_its_best_epoch() -> None:
    fitted = fit((32,), 0.05, moons(20, seed=1), moons(50, seed=2), epochs=30)
    assert len(fitted.training) == len(fitted.validation) == 30
    assert fitted.training[-1] < 0.7 * fitted.training[0]
    assert fitted.validation[fitted.stop] == min(fitted.validation)


def test_it_draws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overfitting, "fit", functools.partial(fit, epochs=2))
    monkeypatch.setattr(overfitting, "CAPACITIES", {"a line": ((), 0.1), "3 units": ((3,), 0.1)})
    with Image.open(overfitting.draw(tmp_path)) as drawn:
        assert drawn.width > 1000
