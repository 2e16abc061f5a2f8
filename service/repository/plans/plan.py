"""What the operator plans for each model: versions, labels, traffic, shadow, rollback, options."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cached_property
from typing import Annotated, Any, Final, NamedTuple, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PositiveInt,
    ValidationError,
    model_serializer,
    model_validator,
)
from pydantic_core import PydanticCustomError

from service.errors import InvalidPlan
from service.repository.plans import validation
from service.repository.plans.validation import Mistake
from service.settings import ModelOptions, RunOptions

STABLE: Final = "stable"
"""The label that answers what the shares leave over, where there is one of this name."""

_POLICIES: Final = "a policy is `latest 2` (the newest two), `all` or a list such as `[1, 3]`"
_LATEST: Final = re.compile(r"latest(?:\s+([0-9]{1,6}))?")
_PERCENT: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*%")


def _share(value: object) -> float:
    """A share of calls, 0–1, of `5%` or 0.05."""
    share: object = value
    if isinstance(value, str) and (match := _PERCENT.fullmatch(value.strip())):
        share = float(match[1]) / 100
    elif isinstance(value, int | float) and value == 1 and not isinstance(value, bool):
        raise ValueError("could be 1% or 100%: write which")
    if isinstance(share, bool) or not isinstance(share, int | float):
        raise ValueError("a share of the calls is written 5% or 0.05")
    if not 0 <= share <= 1:
        raise ValueError("a share is from 0% to 100%, written 5% or 0.05")
    return float(share)


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError("expected a whole number from 1 on")
    return value


def percent(share: float) -> str:
    """A share of calls as people write it: `5%`."""
    return f"{100 * share:.10g}%"


LABEL: Final = "^[a-zA-Z0-9_]{1,64}$"
"""What a version's label is made of."""

Label = Annotated[str, Field(pattern=LABEL)]
Version = Annotated[PositiveInt, BeforeValidator(_whole)]
Share = Annotated[float, BeforeValidator(_share), PlainSerializer(percent)]


class VersionPolicy(BaseModel):
    """Which versions are served: the newest n, all, or those of a list."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    count: PositiveInt | None = 1
    """How many of the candidates must load, tried from the newest on; None for every one."""
    only: tuple[int, ...] | None = None
    """The versions of a list; None where any version will do."""

    @model_validator(mode="before")
    @classmethod
    def _parse(cls, value: object) -> object:
        if isinstance(value, list | tuple):
            if not value:
                raise ValueError(f"a list of no versions serves nothing; {_POLICIES}")
            return {"count": None, "only": [_whole(version) for version in value]}
        if not isinstance(value, str):
            return value if isinstance(value, dict | cls) else _refuse_policy()
        text = " ".join(value.split()).lower()
        if text == "all":
            return {"count": None}
        match = _LATEST.fullmatch(text) or _refuse_policy()
        return {"count": int(match[1] or 1)} if int(match[1] or 1) else _refuse_policy()

    @model_serializer
    def _written(self) -> str | list[int]:
        if self.only is not None:
            return list(self.only)
        return "all" if self.count is None else f"latest {self.count}"

    def candidates(self, available: Iterable[int]) -> list[int]:
        """The versions to try, the newest first, until `count` of them have loaded."""
        return sorted((v for v in available if self.only is None or v in self.only), reverse=True)


def _refuse_policy() -> Any:
    raise ValueError(_POLICIES)


class Rollback(BaseModel):
    """When a label's traffic is taken away from it; at least one limit is given."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    error_rate: Share | None = None
    """When its share of failed calls exceeds the stable one's by more than this."""
    latency: Annotated[float, Field(gt=1, le=1000)] | None = None
    """When its mean latency is more than this many times the stable one's."""
    requests: Annotated[int, Field(ge=10, le=100_000), BeforeValidator(_whole)] = 200
    """Over how many of its last calls."""

    @model_validator(mode="after")
    def _judges_something(self) -> Self:
        if self.error_rate is None and self.latency is None:
            raise ValueError("it judges nothing: give error_rate, such as 2%, or latency, as 1.5")
        return self


class Plan(ModelOptions):
    """What the operator plans for one model; how to run it goes before MODEL_OPTIONS."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    versions: VersionPolicy = VersionPolicy()
    """The versions served; left out, the newest that loads."""
    labels: dict[Label, Version] = Field(default_factory=dict)
    """Names for versions; a version that has one is always served."""
    traffic: dict[Label, Share] = Field(default_factory=dict)
    """The shares of the calls that name neither version nor label; the rest goes to `rest`."""
    shadow: Label | None = None
    """The label that is asked too, its answers only compared and counted."""
    rollback: Rollback | None = None
    """When a label's traffic is taken away from it; left out, never."""
    pinned: bool = False
    """Never evicted under a memory budget, and loaded at the start even under LOADING=lazy."""

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if found := list(self._conflicts()):
            raise PydanticCustomError(validation.SEVERAL, "conflicts", {"mistakes": found})
        return self

    @cached_property
    def on_trial(self) -> tuple[str, ...]:
        """The labels that get a share of the calls, or none yet, and the one that is a shadow."""
        tried = [*self.traffic, *([self.shadow] if self.shadow else [])]
        return tuple(label for label in tried if label != STABLE)

    @cached_property
    def rest(self) -> str | None:
        """The label of the calls that the shares leave over; None for the newest version."""
        if STABLE in self.labels:
            return STABLE
        others = [label for label in self.labels if label not in self.on_trial]
        return others[0] if self.on_trial and len(others) == 1 else None

    def candidates(self, available: Iterable[int]) -> list[int]:
        """The versions to try, the newest first, until `versions.count` of them have loaded.

        A version on trial is none of them, as long as there are others: it has its own share.
        """
        versions = self.versions.candidates(available)
        tried = {self.labels[label] for label in self.on_trial}
        return [version for version in versions if version not in tried] or versions

    def run_options(self, base: RunOptions) -> RunOptions:
        """How to run the model: what is planned, else as in `base`."""
        given = self.model_dump(include=set(ModelOptions.model_fields), exclude_none=True)
        return base.model_copy(update=given)

    def changed(self, **changes: object) -> Plan:
        """This plan with other fields; in a map the entries given change, those of None go.

        `plan.changed(labels={"stable": 2}, traffic={"canary": None})`

        Raises:
            InvalidPlan: it does not hold together; says all that is wrong.
        """
        new: dict[str, Any] = self.model_dump()
        for name, value in changes.items():
            if isinstance(value, Mapping) and isinstance(new.get(name), dict):
                merged = new[name] | dict(value)
                new[name] = {key: each for key, each in merged.items() if each is not None}
            else:
                new[name] = value
        found = find_mistakes(new)
        if found:
            raise InvalidPlan("; ".join(f"{validation.path(m.key)}: {m.text}" for m in found))
        return Plan.model_validate(new)

    def rolled_back(self, label: str) -> Plan:
        """This plan with no calls for `label`: what it had goes to the rest."""
        others = {each: share for each, share in self.traffic.items() if each != STABLE}
        return Plan.model_validate(self.model_dump() | {"traffic": {**others, label: 0}})

    def _conflicts(self) -> Iterator[Mistake]:
        for label in self.traffic:
            if label not in self.labels:
                yield Mistake(("traffic", label), self._no_label(label))
        if self.shadow is not None and self.shadow not in self.labels:
            yield Mistake(("shadow",), self._no_label(self.shadow))
        total = round(sum(self.traffic.values()), 9)
        if total > 1:
            yield Mistake(("traffic",), f"the shares add up to {percent(total)}, more than 100%")
        elif STABLE in self.traffic and total < 1:
            text = f"the shares add up to {percent(total)}: with '{STABLE}' among them they must"
            yield Mistake(("traffic",), f"{text} be 100%; or leave it out: it gets the rest")
        if self.shadow is not None and self.shadow in self.labels:
            if self.traffic.get(self.shadow):
                text = (
                    f"'{self.shadow}' has traffic already; a shadow only has its answers compared"
                )
                yield Mistake(("shadow",), text)
            elif self.shadow == STABLE:
                text = f"'{STABLE}' gives the answers, so it cannot be compared with itself"
                yield Mistake(("shadow",), text)

    def _no_label(self, label: str) -> str:
        hint = validation.did_you_mean(label, self.labels)
        known = ", ".join(self.labels) or "none"
        return f"there is no label '{label}'{hint}; 'labels' has: {known}"


class Plans(NamedTuple):
    """The plans of all models."""

    by_name: Mapping[str, Plan] = {}
    default: Plan = Plan()

    def of(self, name: str) -> Plan:
        """The plan of one model; the default where it has none of its own."""
        return self.by_name.get(name, self.default)

    def unmet(self, names: Collection[str]) -> list[str]:
        """Those planned by name that are not among the models, each with a guess who is meant."""
        missing = [name for name in self.by_name if name not in names]
        return [f"'{name}'{validation.did_you_mean(name, names)}" for name in missing]


def find_mistakes(written: Mapping[str, Any]) -> list[Mistake]:
    """All that is wrong with a plan as it was written; empty when it is valid."""
    try:
        Plan.model_validate(written)
    except ValidationError as error:
        found = validation.described(error, Plan)
        wrong = {each.key[0] for each in found if each.key}
        rest = {name: value for name, value in written.items() if name not in wrong}
        # The fields that are sound by themselves may still not agree with each other.
        agree = len(rest) == len(written) or "labels" in wrong
        return found if agree else [*found, *find_mistakes(rest)]
    return []
