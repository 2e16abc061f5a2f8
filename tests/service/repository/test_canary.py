"""A bad canary is found soon, and never by chance."""

from __future__ import annotations

from random import Random
from typing import Any

from service.repository.canary import Canary
from service.repository.plans.plan import Rollback


def canary(**limits: Any) -> Canary:
    return Canary("canary", Rollback.model_validate({"requests": 200, **limits}))


def calls_until_verdict(each: Canary, seconds: float, failed: bool = False) -> int | None:
    for count in range(1, 1001):
        if each.record(seconds, failed):
            return count
    return None


def test_one_that_always_fails_is_found_at_once() -> None:
    each = canary(error_rate="2%")
    assert calls_until_verdict(each, 0.0, failed=True) == 5, "5 of 200 are more than 2 %"
    idle = each.record(0.0, True)
    assert idle is not None
    assert "the rest was idle" in idle


def test_failures_that_the_rest_shows_too_are_no_reason() -> None:
    each = canary(error_rate="2%")
    for number in range(400):
        each.record_rest(0.001, number % 10 == 0)
    for number in range(1, 1001):
        assert each.record(0.001, number % 10 == 0) is None
    for _ in range(5):
        reason = each.record(0.001, True)
    assert reason is not None
    assert "the rest 20 of 200" in reason


def test_old_failures_are_forgotten() -> None:
    each = canary(error_rate="2%")
    for number in range(2000):
        assert each.record(0.001, number % 60 == 0) is None, "4 of 200, in each window"


def test_a_slow_one_is_found_soon_and_a_noisy_one_never() -> None:
    each = canary(latency=1.5)
    for _ in range(200):
        each.record_rest(0.010, False)
    assert calls_until_verdict(each, 0.1) == 31, "31 × 0.1 s are more than 200 × 0.015 s"
    noisy, random = canary(latency=1.5), Random(1)
    for _ in range(2000):
        noisy.record_rest(random.expovariate(100), False)
        assert noisy.record(random.expovariate(100), False) is None
    slower = canary(latency=1.5)
    for _ in range(200):
        slower.record_rest(0.010, False)
    reasons = [slower.record(0.016, False) for _ in range(188)]
    assert reasons[-2] is None
    assert reasons[-1] is not None
    assert "took 16 ms on average over its last 188 answers, the rest 10 ms" in reasons[-1]


def test_latency_waits_for_answers_on_both_sides() -> None:
    each = canary(latency=1.5)
    assert calls_until_verdict(each, 9.0) is None, "the rest is idle"
    for _ in range(19):
        each.record_rest(0.001, False)
    assert each.record(9.0, False) is None
    each.record_rest(0.001, False)
    assert each.record(9.0, False) is not None
    quick = canary(latency=1.5)
    for _ in range(200):
        quick.record_rest(0.001, False)
    assert calls_until_verdict(quick, 9.0) == 20, "one slow first call is no reason"


def test_a_quick_failure_is_no_quick_answer() -> None:
    each = canary(latency=1.5, error_rate="100%")
    for _ in range(200):
        each.record_rest(0.010, False)
    reasons = [each.record(0.0 if number % 2 else 0.016, number % 2 == 1) for number in range(400)]
    assert reasons[-1] is not None
    assert "16 ms on average over its last 100 answers" in reasons[-1]
