"""Shares of the calls: how many, for whom, and what when a canary is rolled back."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from random import Random
from typing import Any

import pytest

from service.repository.plans.plan import Plan
from service.repository.traffic import Traffic

KEYS = [f"user-{number}" for number in range(10_000)]


def traffic(
    shares: dict[str, Any],
    *labels: str,
    **more: Any,
) -> Traffic:
    names = {label: version for version, label in enumerate(labels, 1)}
    plan = Plan.model_validate({"labels": names, "traffic": shares, **more})
    return Traffic("shade", plan, Random(0).random)


def parts(shares: dict[str, Any], *labels: str) -> dict[str, str | None]:
    split = traffic(shares, *labels)
    return {key: split.choose(key) for key in KEYS}


def test_a_share_is_kept_with_keys_and_without() -> None:
    counts = Counter(parts({"canary": "5%"}, "stable", "canary").values())
    assert counts["canary"] == pytest.approx(500, abs=90), "4 σ"
    assert counts.keys() == {"stable", "canary"}
    split = traffic({"canary": "5%"}, "stable", "canary")
    assert sum(split.choose() == "canary" for _ in KEYS) == pytest.approx(500, abs=90)


def test_several_shares_are_kept() -> None:
    counts = Counter(parts({"a": "20%", "b": "30%", "c": "10%"}, "stable", "a", "b", "c").values())
    assert counts["a"] == pytest.approx(2000, abs=160)
    assert counts["b"] == pytest.approx(3000, abs=184)
    assert counts["c"] == pytest.approx(1000, abs=120)


@pytest.mark.parametrize(
    ("shares", "labels", "answering"),
    [
        ({}, ("stable", "canary"), {"stable"}),
        ({"canary": 0}, ("stable", "canary"), {"stable"}),
        ({"canary": "100%"}, ("stable", "canary"), {"canary"}),
        ({"canary": "50%", "stable": "50%"}, ("stable", "canary"), {"canary", "stable"}),
        ({"canary": "50%"}, ("canary",), {"canary", None}),
        ({}, (), {None}),
    ],
)
def test_who_answers(
    shares: dict[str, Any], labels: tuple[str, ...], answering: set[str | None]
) -> None:
    assert set(parts(shares, *labels).values()) == answering


def test_a_key_keeps_its_side_in_every_process() -> None:
    here = [traffic({"canary": "50%"}, "stable", "canary").choose(key) for key in KEYS[:50]]
    code = (
        "from service.repository.plans.plan import Plan;"
        "from service.repository.traffic import Traffic;"
        "p = {'labels': {'stable': 1, 'canary': 2}, 'traffic': {'canary': .5}};"
        "p = Plan.model_validate(p);"
        "print([Traffic('shade', p).choose(f'user-{n}') for n in range(50)])"
    )
    there = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert there.stdout.strip() == str(here)
    assert here[:6] == ["stable", *["canary"] * 5], (
        "and in every release: those who have a side keep it over an upgrade"
    )


def test_a_share_that_grows_keeps_its_keys() -> None:
    small = parts({"canary": "5%"}, "stable", "canary")
    large = parts({"canary": "10%"}, "stable", "canary")
    assert all(large[key] == "canary" for key in KEYS if small[key] == "canary")
    a, b = (
        parts({"a": "5%", "b": "5%"}, "stable", "a", "b"),
        parts({"a": "10%", "b": "5%"}, "stable", "a", "b"),
    )
    assert all(b[key] == "a" for key in KEYS if a[key] == "a")
    assert sum(a[key] == "b" != b[key] for key in KEYS) < 60, "few of the other's move"


def test_models_and_labels_do_not_share_their_guinea_pigs() -> None:
    split = {"labels": {"stable": 1, "canary": 2}, "traffic": {"canary": "50%"}}
    one, other = (Traffic(name, Plan.model_validate(split)) for name in ("shade", "digit"))
    same = sum(one.choose(key) == other.choose(key) for key in KEYS)
    assert same == pytest.approx(5000, abs=200)


def test_any_text_is_a_key() -> None:
    split = traffic({"canary": "50%"}, "stable", "canary")
    for key in ("", "ключ", "\ud800", "x" * 100_000, "a\0b"):
        assert split.choose(key) == split.choose(key)


def test_a_label_on_trial_is_judged_against_the_rest() -> None:
    limits = {"error_rate": "2%", "requests": 100}
    split = traffic({"canary": "5%"}, "stable", "canary", rollback=limits)
    for _ in range(100):
        assert split.record("stable", 0.001, False) is None
    assert [split.record("canary", 0.001, True) for _ in range(2)] == [None, None]
    verdict = split.record("canary", 0.001, True)
    assert verdict is not None
    assert verdict.label == "canary"
    assert "'canary' failed 3 of its last 3 calls, the rest 0 of 100" in verdict.reason
    assert split.record("unheard-of", 1.0, True) is None


def test_without_limits_or_share_nobody_is_on_trial() -> None:
    assert not traffic({"canary": "5%"}, "stable", "canary").canaries
    limits = {"error_rate": "2%"}
    assert not traffic({"canary": 0}, "stable", "canary", rollback=limits).canaries
