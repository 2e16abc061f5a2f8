"""The states of a model's versions in TensorFlow Serving's words."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from service.engine.engine import Engine
from service.errors import ModelNotFound, VersionNotFound
from service.protocols.tensorflow_serving.address import Address
from service.repository.model import Model, State

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


def statuses(engine: Engine, address: Address) -> list[VersionStatus]:
    """The state of every version of a model, the newest first, or of the one asked for.

    Raises:
        ServiceError: there is no such model, version or label.
    """
    models = [address.model(engine)] if address.label is not None else _versions(engine, address)
    return [_status(model) for model in models]


def _versions(engine: Engine, address: Address) -> list[Model]:
    """The versions of a model, the newest first; of one that is replaced by its like, the ready."""
    found: dict[int, Model] = {}
    for model in engine.models:
        version = model.export.version
        is_meant = model.export.name == address.name and address.version in (None, version)
        if is_meant and (version not in found or model.state == "ready"):
            found[version] = model
    if found:
        return [found[version] for version in sorted(found, reverse=True)]
    if address.version is None:
        raise ModelNotFound(f"Could not find any versions of model {address.name[:100]}")
    raise VersionNotFound(f"Could not find version {address.version} of model {address.name[:100]}")


def _status(model: Model) -> VersionStatus:
    version, state = model.export.version, _STATES[model.state]
    if model.state == "failed":
        return VersionStatus(version, state, "INTERNAL", model.reason)
    return VersionStatus(version, state, "OK", "")
