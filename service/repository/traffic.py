"""Which label answers the calls that name neither version nor label, and how canaries do."""

from __future__ import annotations

import random as chance
from collections import Counter
from collections.abc import Callable
from hashlib import blake2b
from typing import Final, NamedTuple

from service.repository.canary import Canary
from service.repository.comparison import Comparison
from service.repository.plans.plan import Plan

_BITS: Final = 53
"""What a float holds."""


class Verdict(NamedTuple):
    """A canary that loses its traffic, and why."""

    label: str
    reason: str


class Traffic:
    """The calls of one model under one plan; another plan has another."""

    def __init__(self, model: str, plan: Plan, random: Callable[[], float] = chance.random) -> None:
        """`random` gives numbers from 0 on, below 1, for the calls that have no key."""
        self.calls: Counter[str | None] = Counter()
        """The calls that named neither version nor label, by the label that answered."""
        self.comparison = Comparison()
        """What the shadow's answers were like."""
        self.shadow = plan.shadow or ""
        """The label of the shadow, if there is one."""
        self._model = model
        self._plan = plan
        self._random = random
        on = {label: share for label, share in plan.traffic.items() if share and label != plan.rest}
        self.canaries = {label: Canary(label, plan.rollback) for label in on if plan.rollback}
        """The labels that may lose their traffic, each with its last calls."""

    def choose(self, key: str | None = None) -> str | None:
        """The label that answers; None for the newest version.

        The same key gets the same label in every process, for as long as the shares are the same;
        a share that grows keeps the keys it had.
        """
        left = 1.0
        for label, share in self._plan.traffic.items():
            if share and label != self._plan.rest:
                if self._point(label, key) * left < share:
                    return label
                left -= share
        return self._plan.rest

    def record(self, label: str | None, seconds: float, failed: bool) -> Verdict | None:
        """Note a call that `label` answered or failed; returns a verdict when one is due."""
        if (canary := self.canaries.get(label or "")) is not None:
            reason = canary.record(seconds, failed)
            return None if reason is None else Verdict(canary.label, reason)
        if label == self._plan.rest:
            for each in self.canaries.values():
                each.record_rest(seconds, failed)
        return None

    def _point(self, label: str, key: str | None) -> float:
        """Where a call stands between 0 and 1: by its key, or anywhere."""
        if key is None:
            return self._random()
        named = "\0".join((self._model, label, key)).encode("utf-8", "surrogatepass")
        digest = int.from_bytes(blake2b(named, digest_size=8).digest(), "big")
        return (digest >> (64 - _BITS)) / (1 << _BITS)
