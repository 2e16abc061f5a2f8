"""The model that a request names, and TensorFlow Serving's errors where there is none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from service.errors import InvalidInput, LabelNotFound, ModelNotFound, RequestError, VersionNotFound
from service.repository.lease import Lease
from service.repository.model import Model
from service.repository.model_spec import ModelSpec
from service.repository.repository import Repository

_LARGEST: Final = 2**63 - 1


def from_path(path: Mapping[str, str], key: str | None = None) -> ModelSpec:
    """The model that a path's parameters name; requests of one `key` go to the same version.

    Raises:
        InvalidInput: the version is no 64-bit integer.
    """
    digits = path.get("version")
    if digits is not None and (len(digits) > 19 or int(digits) > _LARGEST):
        raise InvalidInput(f"Failed to convert version: {digits[:100]} to numeric.")
    version = None if digits is None else int(digits)
    return ModelSpec(path["name"], version, path.get("label"), key)


async def lease(repository: Repository, spec: ModelSpec) -> Lease:
    """The version that is to answer.

    Raises:
        ServiceError: there is none, or it is not ready.
    """
    try:
        return await repository.lease(spec)
    except (ModelNotFound, VersionNotFound, LabelNotFound) as error:
        raise _not_found(spec, error) from None


def find(repository: Repository, spec: ModelSpec) -> Model:
    """The version, ready or not.

    Raises:
        ServiceError: there is none.
    """
    try:
        return repository.versions(spec.name or "").pick(spec.version, spec.label)
    except (ModelNotFound, VersionNotFound, LabelNotFound) as error:
        raise _not_found(spec, error) from None


def _not_found(spec: ModelSpec, error: RequestError) -> RequestError:
    if isinstance(error, LabelNotFound):
        label = (spec.label or "")[:100]
        return LabelNotFound(f"Unrecognized servable version label: {label}")
    name = (spec.name or "")[:100]
    asked = f"Latest({name})" if spec.version is None else f"Specific({name}, {spec.version})"
    return type(error)(f"Servable not found for request: {asked}")
