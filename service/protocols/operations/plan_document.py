"""How a model is operated, as the admin routes show it."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from service.protocols.openai.description import VersionState
from service.repository.canary import Canary
from service.repository.plans.plan import percent
from service.repository.traffic import Traffic
from service.repository.versions import ModelVersions


class TrafficReply(BaseModel):
    """Shares and calls by label since the plan last changed."""

    shares: dict[str, str]
    calls: dict[str, int]


class WindowReply(BaseModel):
    """The last calls of one side of a trial."""

    calls: int
    failures: int
    mean_ms: float


class TrialReply(BaseModel):
    """A canary beside the rest."""

    label: WindowReply
    rest: WindowReply


class ShadowReply(BaseModel):
    """What became of the calls that a shadow was asked too."""

    label: str
    compared: int
    different: int
    failed: int
    dropped: int
    largest_difference: float | None


class OperationReply(BaseModel):
    """How one model is operated."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    model: str
    plan: dict[str, Any]
    """The plan in force, in the words of models.yaml."""
    changed_by_hand: bool
    holds: str
    """For how long the plan holds."""
    unloaded_by_hand: bool
    labels: dict[str, int]
    """The version that each label stands for."""
    versions: list[VersionState]
    traffic: TrafficReply
    trials: dict[str, TrialReply]
    rollbacks: dict[str, str]
    """The labels whose traffic was taken away, and why."""
    shadow: ShadowReply | None


_HOLDS: Final = "until the process ends or models.yaml changes for this model"


def described(versions: ModelVersions) -> dict[str, Any]:
    """The plan in force, the state of each version, and what became of the calls."""
    by_hand = versions.plan != versions.written
    return {
        "model": versions.name,
        "plan": versions.plan.model_dump(exclude_none=True),
        "changed_by_hand": by_hand,
        "holds": _HOLDS if by_hand else "as models.yaml says, or without it the folder",
        "unloaded_by_hand": versions.is_closed,
        "labels": versions.labels,
        "versions": [
            {"version": each.export.version, "state": each.state, "reason": each.reason}
            for each in versions.models
        ],
        "traffic": _traffic(versions),
        "trials": {label: _canary(each) for label, each in versions.traffic.canaries.items()},
        "rollbacks": versions.rollbacks,
        "shadow": _shadow(versions.traffic),
    }


def _traffic(versions: ModelVersions) -> dict[str, Any]:
    """Shares and calls by label since the plan last changed; `newest` where no label answers."""
    rest = versions.plan.rest
    shares = {label: share for label, share in versions.plan.traffic.items() if label != rest}
    shares[rest or "newest"] = 1 - sum(shares.values())
    return {
        "shares": {label: percent(share) for label, share in shares.items()},
        "calls": {label or "newest": count for label, count in versions.traffic.calls.items()},
    }


def _canary(canary: Canary) -> dict[str, Any]:
    """The last calls on both sides."""
    return {
        side: {
            "calls": window.calls,
            "failures": window.failures,
            "mean_ms": round(1e3 * window.mean_seconds, 3),
        }
        for side, window in (("label", canary.ours), ("rest", canary.rest))
    }


def _shadow(traffic: Traffic) -> dict[str, Any] | None:
    if not traffic.shadow:
        return None
    comparison = traffic.comparison
    return {
        "label": traffic.shadow,
        "compared": comparison.compared,
        "different": comparison.different,
        "failed": comparison.failed,
        "dropped": comparison.dropped,
        "largest_difference": comparison.largest_difference,
    }
