"""The last calls of a canary beside those of the other versions, and whether it did worse."""

from __future__ import annotations

from collections import deque
from typing import Final

from service.repository.plans.plan import Rollback, percent

_FEWEST: Final = 20
"""Answers on either side before latencies are compared."""


class Canary:
    """A window of calls for each side: the canary, and the rest.

    A limit counts as passed as soon as nothing that the rest of the window may bring could undo
    it, so what fails every time is found after a few calls, and chance finds nothing.
    """

    def __init__(self, label: str, limits: Rollback) -> None:
        self.label = label
        self._limits = limits
        self.ours, self.rest = _Window(limits.requests), _Window(limits.requests)

    def record_rest(self, seconds: float, failed: bool) -> None:
        """Note a call that the rest answered, or failed."""
        self.rest.record(seconds, failed)

    def record(self, seconds: float, failed: bool) -> str | None:
        """Note a call of the canary; returns why it has to lose its traffic, or None."""
        self.ours.record(seconds, failed)
        return self._too_many_failures() or self._too_slow()

    def _too_many_failures(self) -> str | None:
        limit, ours, rest = self._limits.error_rate, self.ours, self.rest
        if limit is None or ours.failures <= (rest.error_rate + limit) * self._limits.requests:
            return None
        beside = f"the rest {rest.failures} of {rest.calls}" if rest.calls else "the rest was idle"
        return (
            f"'{self.label}' failed {ours.failures} of its last {ours.calls} calls, {beside}: of "
            f"{self._limits.requests} calls that is more than {percent(limit)} more, whatever comes"
        )

    def _too_slow(self) -> str | None:
        limit, ours, rest = self._limits.latency, self.ours, self.rest
        if limit is None or min(ours.answers, rest.answers) < min(_FEWEST, self._limits.requests):
            return None
        answers = ours.answers if ours.is_full else self._limits.requests
        if ours.seconds <= limit * rest.mean_seconds * answers:
            return None
        return (
            f"'{self.label}' took {1e3 * ours.mean_seconds:.3g} ms on average over its last "
            f"{ours.answers} answers, the rest {1e3 * rest.mean_seconds:.3g} ms: "
            f"more than {limit:g} times as long"
        )


class _Window:
    """The last so many calls, and their sums."""

    def __init__(self, size: int) -> None:
        self._calls: deque[tuple[float, bool]] = deque(maxlen=size)
        self.failures = 0
        self.seconds = 0.0
        """Of the calls that were answered, all together: a failure may be quick."""

    def record(self, seconds: float, failed: bool) -> None:
        if self.is_full:
            self._count(*self._calls[0], sign=-1)
        self._calls.append((seconds, failed))
        self._count(seconds, failed, sign=1)

    def _count(self, seconds: float, failed: bool, *, sign: int) -> None:
        if failed:
            self.failures += sign
        else:
            self.seconds += sign * seconds

    @property
    def is_full(self) -> bool:
        return len(self._calls) == self._calls.maxlen

    @property
    def calls(self) -> int:
        return len(self._calls)

    @property
    def answers(self) -> int:
        return self.calls - self.failures

    @property
    def error_rate(self) -> float:
        return self.failures / self.calls if self.calls else 0.0

    @property
    def mean_seconds(self) -> float:
        return self.seconds / self.answers if self.answers else 0.0
