"""Learning rates go as their schedule says."""

from __future__ import annotations

import pytest

from training.running.schedules import learning_rate


def test_constant_stays() -> None:
    assert learning_rate("constant", 0.1, steps=10, epochs=3) == 0.1


def test_cosine_climbs_for_an_epoch_and_falls_to_nothing() -> None:
    schedule = learning_rate("cosine", 0.1, steps=10, epochs=10)
    assert not isinstance(schedule, float)
    rates = [float(schedule(step)) for step in range(101)]
    assert rates[0] == 0
    assert rates[10] == pytest.approx(0.1)
    assert max(rates) == pytest.approx(0.1)
    assert rates[55] == pytest.approx(0.05, abs=1e-3)
    assert rates[100] == pytest.approx(0, abs=1e-6)


def test_a_run_of_one_step_has_a_rate() -> None:
    schedule = learning_rate("cosine", 0.1, steps=1, epochs=1)
    assert not isinstance(schedule, float)
    assert 0 <= float(schedule(0)) <= 0.1
