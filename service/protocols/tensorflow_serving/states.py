"""The states of a model's versions in TensorFlow Serving's words."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from service.errors import ModelNotFound, VersionNotFound
from service.protocols.tensorflow_serving import model_spec
from service.repository.model import Model, State
from service.repository.model_spec import ModelSpec
from service.repository.repository import Repository

_STATES: Final[dict[State, str]] = {
    "unloaded": "START",
    "loading": "LOADING",
    "ready": "AVAILABLE",
    "unloading": "UNLOADING",
    "failed": "END",
}


class VersionStatus(NamedTuple):
    """The state of one version; a failure has a reason."""

    version: int
    state: str
    error_code: Literal["OK", "INTERNAL"]
    error_message: str


def statuses(repository: Repository, spec: ModelSpec) -> list[VersionStatus]:
    """The state of every version of a model, the newest first, or of the one asked for.

    Raises:
        ServiceError: there is no such model, version or label.
    """
    if spec.label is not None:
        return [_status(model_spec.find(repository, spec))]
    return [_status(model) for model in _versions(repository, spec)]


def _versions(repository: Repository, spec: ModelSpec) -> list[Model]:
    """The versions of a model, the newest first; of one that is replaced by its like, the ready."""
    found: dict[int, Model] = {}
    for model in repository.models:
        version = model.export.version
        is_meant = model.export.name == spec.name and spec.version in (None, version)
        if is_meant and (version not in found or model.state == "ready"):
            found[version] = model
    if found:
        return [found[version] for version in sorted(found, reverse=True)]
    name = (spec.name or "")[:100]
    if spec.version is None:
        raise ModelNotFound(f"Could not find any versions of model {name}")
    raise VersionNotFound(f"Could not find version {spec.version} of model {name}")


def _status(model: Model) -> VersionStatus:
    version, state = model.export.version, _STATES[model.state]
    if model.state == "failed":
        return VersionStatus(version, state, "INTERNAL", model.reason)
    return VersionStatus(version, state, "OK", "")
