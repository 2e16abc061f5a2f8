"""A version of a model lent to one request: as long as it is held, it stays loaded."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import Self

from service.errors import CapacityError, InvalidInput, ModelError, UnsupportedTask
from service.manifest import Manifest, Task
from service.observability import metrics
from service.repository.model import Model
from service.repository.traffic import Traffic
from service.repository.versions import ModelVersions

Ended = Callable[[float, bool], None]
"""Is told how many seconds a lease lasted, and whether the model failed it."""

_DEFAULT = "serving_default"
"""What TensorFlow's clients call the signature when they name none."""


class Lease:
    """`with await repository.lease(ModelSpec("mnist-lenet5")) as lease:`; ends with the block."""

    __slots__ = ("_ended", "_started", "label", "manifest", "model", "shadowed")

    def __init__(
        self,
        model: Model,
        label: str | None = None,
        ended: Ended | None = None,
        shadowed: Traffic | None = None,
    ) -> None:
        """Hold `model`, which is ready; `label` is the name by which it was chosen, if any.

        The plan of `shadowed` has a shadow, which is to be asked the same.
        """
        self.manifest: Manifest = model.ready_manifest()
        self.model = model
        self.label = label
        self.shadowed = shadowed
        self._ended = ended
        self._started = time.perf_counter()
        model.hold()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.model.release()
        if self._ended is not None:
            # A caller who asked wrongly, or hung up, says nothing about the model.
            failed = isinstance(error, ModelError | CapacityError)
            if failed or error is None:
                self._ended(time.perf_counter() - self._started, failed)

    def signature(self, name: str | None = None) -> str:
        """The signature called `name`; None, empty and `serving_default` may mean the first.

        Raises:
            InvalidInput: the model has no such signature.
        """
        signatures = self.manifest.signatures
        if name and name in signatures:
            return name
        if not name or name == _DEFAULT:
            return next(iter(signatures))
        raise InvalidInput(
            f"'{self.model.export.name}' has no signature '{name[:100]}'; "
            f"it has: {', '.join(signatures)}",
            param="signature",
        )

    def signature_for(self, task: Task) -> str:
        """The first signature that does `task`.

        Raises:
            UnsupportedTask: there is none.
        """
        name = self.manifest.signature_for(task)
        if name is None:
            zero_shot = task == "classify" and len(self.manifest.encoders) > 1
            remedy = ": say among which 'candidate_labels'" if zero_shot else ""
            raise UnsupportedTask(
                f"'{self.model.export.name}' does not {task}; "
                f"it does: {', '.join(self.manifest.tasks)}{remedy}",
                param="model",
            )
        return name


def lend_by_plan(versions: ModelVersions, model: Model, label: str | None) -> Lease:
    """Lend the version that the plan chose for a call that names none; its shadow is asked too."""
    traffic, shadow = versions.traffic, versions.plan.shadow
    traffic.calls[label] += 1
    version = model.export.version
    metrics.SPLIT_CALLS.labels(versions.name, str(version), label or "").inc()
    is_shadowed = shadow is not None and versions.labels.get(shadow, version) != version
    ended = _recorder(versions, label)
    return Lease(model, label, ended, traffic if is_shadowed else None)


def lend(versions: ModelVersions, model: Model, label: str) -> Lease:
    """Lend the version of a label that was asked for by name."""
    return Lease(model, label, _recorder(versions, label))


def _recorder(versions: ModelVersions, label: str | None) -> Ended | None:
    return (
        partial(_record, versions, versions.traffic, label) if versions.traffic.canaries else None
    )


def _record(
    versions: ModelVersions, traffic: Traffic, label: str | None, seconds: float, failed: bool
) -> None:
    verdict = traffic.record(label, seconds, failed)
    if verdict is not None and versions.traffic is traffic:  # else the plan has changed meanwhile
        versions.roll_back(verdict.label, verdict.reason)
