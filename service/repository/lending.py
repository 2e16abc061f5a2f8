"""Lends the versions of a model by its plan: counts who answers, judges the labels on trial."""

from __future__ import annotations

from functools import partial

from service.observability import metrics
from service.repository.lease import Ended, Lease
from service.repository.model import Model
from service.repository.traffic import Traffic
from service.repository.versions import Shelf


def lend_by_plan(shelf: Shelf, model: Model, label: str | None) -> Lease:
    """Lend the version that the plan chose for a call that names none; its shadow is asked too."""
    traffic, shadow = shelf.traffic, shelf.plan.shadow
    traffic.calls[label] += 1
    version = model.export.version
    metrics.SPLIT_CALLS.labels(shelf.name, str(version), label or "").inc()
    is_shadowed = shadow is not None and shelf.labels.get(shadow, version) != version
    ended = _judge(shelf, label)
    return Lease(model, label, ended, traffic if is_shadowed else None)


def lend(shelf: Shelf, model: Model, label: str) -> Lease:
    """Lend the version of a label that was asked for by name."""
    return Lease(model, label, _judge(shelf, label))


def _judge(shelf: Shelf, label: str | None) -> Ended | None:
    return partial(_note, shelf, shelf.traffic, label) if shelf.traffic.trials else None


def _note(shelf: Shelf, traffic: Traffic, label: str | None, seconds: float, failed: bool) -> None:
    verdict = traffic.record(label, seconds, failed)
    if verdict is not None and shelf.traffic is traffic:  # else the plan has changed meanwhile
        shelf.roll_back(verdict.label, verdict.reason)
