"""Plans: which versions are tried, who answers the rest, what does not agree, changes."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from service.errors import InvalidPlan
from service.repository.plans.plan import Plan, Plans, VersionPolicy, find_mistakes
from service.settings import RunOptions


def plan(**fields: Any) -> Plan:
    return Plan.model_validate(fields)


@pytest.mark.parametrize(
    ("written", "candidates", "count"),
    [
        ("latest 2", [10, 9, 1], 2),
        ("  Latest   2 ", [10, 9, 1], 2),
        ("latest", [10, 9, 1], 1),
        ("all", [10, 9, 1], None),
        ([1, 3, 10], [10, 1], None),
    ],
)
def test_a_policy_names_what_to_try(written: object, candidates: list[int], count: object) -> None:
    policy = plan(versions=written).versions
    assert policy.candidates([9, 10, 1]) == candidates
    assert policy.count == count


def test_without_a_plan_the_newest_that_loads_is_served() -> None:
    assert Plans().of("any") == Plan()
    assert Plan().versions == VersionPolicy(count=1)
    assert Plan().rest is None
    assert (Plan().labels, Plan().traffic, Plan().pinned) == ({}, {}, False)


@pytest.mark.parametrize(
    "written", [3, "newest", "latest -1", "latest 0", [], [0], [True], ["1"], None, 1.5]
)
def test_a_policy_that_says_something_else_is_refused(written: object) -> None:
    with pytest.raises(ValidationError):
        plan(versions=written)


@pytest.mark.parametrize(
    ("written", "share"),
    [
        ("5%", 0.05),
        (" 12.5 % ", 0.125),
        (0.05, 0.05),
        ("100%", 1),
        (0, 0),
        ("0%", 0),
        (1e-3, 0.001),
    ],
)
def test_a_share_is_a_percentage_or_a_part_of_one(written: object, share: float) -> None:
    read = plan(labels={"canary": 1}, traffic={"canary": written})
    assert read.traffic == {"canary": pytest.approx(share)}
    assert Plan.model_validate(read.model_dump()) == read


@pytest.mark.parametrize(
    "written", ["101%", "-1%", 1, 1.0, 5, -0.1, True, "5", "5%%", "", None, float("nan")]
)
def test_a_share_of_anything_else_is_refused(written: object) -> None:
    with pytest.raises(ValidationError):
        plan(labels={"canary": 1}, traffic={"canary": written})


@pytest.mark.parametrize(
    ("fields", "rest"),
    [
        ({"labels": {"stable": 1, "canary": 2}, "traffic": {"canary": "5%"}}, "stable"),
        ({"labels": {"stable": 1, "canary": 2}}, "stable"),
        ({"labels": {"blue": 1, "green": 2}, "traffic": {"green": "5%"}}, "blue"),
        ({"labels": {"blue": 1, "green": 2}, "traffic": {"green": 0}}, "blue"),
        ({"labels": {"blue": 1, "green": 2}, "shadow": "green"}, "blue"),
        ({"labels": {"blue": 1, "green": 2}}, None),
        ({"labels": {"a": 1, "b": 2, "c": 3}, "traffic": {"a": "5%"}}, None),
    ],
)
def test_who_answers_what_the_shares_leave_over(fields: dict[str, Any], rest: str | None) -> None:
    assert plan(**fields).rest == rest


def test_a_version_on_trial_is_not_the_newest() -> None:
    canary = plan(labels={"canary": 3}, traffic={"canary": "5%"})
    assert canary.candidates([1, 2, 3]) == [2, 1]
    assert canary.candidates([3]) == [3], "it is the only one"
    assert plan(labels={"new": 3}, shadow="new").candidates([1, 2, 3]) == [2, 1]
    assert plan(labels={"new": 3}).candidates([1, 2, 3]) == [3, 2, 1]


def test_what_does_not_agree_is_named() -> None:
    labels = {"stable": 1, "canary": 2}
    conflicts: list[tuple[dict[str, Any], str]] = [
        ({"traffic": {"canry": "5%"}}, "no label 'canry' (did you mean 'canary'?)"),
        ({"shadow": "dark"}, "no label 'dark'; 'labels' has: stable, canary"),
        ({"traffic": {"canary": "60%", "stable": "50%"}}, "add up to 110%"),
        ({"traffic": {"canary": "5%", "stable": "50%"}}, "add up to 55%"),
        ({"shadow": "canary", "traffic": {"canary": "5%"}}, "has traffic already"),
        ({"shadow": "stable"}, "compared with itself"),
        ({"rollback": {}}, "judges nothing"),
    ]
    for fields, said in conflicts:
        [mistake] = find_mistakes({"labels": labels, **fields})
        assert said in mistake.text
        assert mistake.key[0] == next(iter(fields))
    assert not find_mistakes({"labels": labels, "traffic": {"canary": 0}, "shadow": "canary"}), (
        "a shadow may wait for its share"
    )


def test_all_mistakes_are_told_at_once() -> None:
    wrong = {"pinned": 7, "labels": {"a": 1}, "traffic": {"b": "5%"}, "shadow": "c", "colour": 1}
    assert {each.key for each in find_mistakes(wrong)} == {
        *{("pinned",), ("colour",), ("traffic", "b"), ("shadow",)},
    }


def test_options_go_before_those_of_the_settings() -> None:
    base = RunOptions(runtime="openvino", precision="bfloat16", threads=3)
    own = plan(runtime="TensorFlow", device="cpu").run_options(base)
    assert own == RunOptions(runtime="tensorflow", device="cpu", precision="bfloat16", threads=3)
    assert Plan().run_options(base) == base


def test_a_change_makes_another_plan_that_holds_together() -> None:
    old = plan(labels={"stable": 1, "canary": 2}, traffic={"canary": "5%"})
    assert old.changed(labels={"stable": 2}).labels == {"stable": 2, "canary": 2}
    assert old.changed(traffic={"canary": "10%"}).traffic == {"canary": 0.1}
    assert old.changed(traffic={"canary": None}, labels={"canary": None}).labels == {"stable": 1}
    assert old.changed(traffic={"canary": "100%"}).changed(pinned=True).traffic == {"canary": 1}
    assert old.traffic == {"canary": 0.05}
    with pytest.raises(InvalidPlan, match=r"traffic.canary: there is no label 'canary'"):
        old.changed(labels={"canary": None})
    with pytest.raises(InvalidPlan, match=r"traffic.canary: got '5': a share .* 5% or 0.05"):
        old.changed(traffic={"canary": "5"})
    with pytest.raises(InvalidPlan, match="labels: got 7: expected a map"):
        old.changed(labels=7)
