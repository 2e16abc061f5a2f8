"""Which version of which model may fill an index, and may ask it."""

from __future__ import annotations

from service.errors import Conflict, IndexOutdated, ModelNotFound, VersionNotFound
from service.repository.lease import Lease
from service.repository.model_spec import ModelSpec
from service.repository.repository import Repository
from service.search.stores import Binding


async def lease_to_fill(
    repository: Repository, name: str, bound: Binding | None, spec: ModelSpec, *, needed: bool
) -> Lease | None:
    """The version that is to fill an index, or None where its vectors are nobody's.

    Raises:
        Conflict: the index is bound to something else.
        ServiceError: as `Repository.lease` does.
    """
    if bound is not None:
        return await lease_to_query(repository, name, bound, spec, needed=needed)
    if needed or spec.name is not None:
        return await repository.lease(spec, "embed")
    return None


async def lease_to_query(
    repository: Repository, name: str, bound: Binding, spec: ModelSpec, *, needed: bool
) -> Lease | None:
    """The version that filled an index, or None where its vectors are nobody's.

    Raises:
        Conflict: the request names another, or there is none and it is needed.
        IndexOutdated: it is not served any more.
        ServiceError: as `Repository.lease` does.
    """
    model, version = bound.model, bound.version
    if model is None:
        if needed or spec.name is not None:
            raise Conflict(
                f"the index '{name}' has vectors that no model of this service made: send a "
                f"'vector' of {bound.width} numbers, or embed anew what it kept by "
                f"POST /v1/indexes/{name}/embed",
            )
        return None
    if spec.name not in (None, model):
        raise Conflict(
            f"the index '{name}' is bound to the model '{model}', not '{spec.name}': "
            "their vectors cannot be compared",
            param="model",
        )
    if spec.version is None and spec.label is None:
        try:
            return await repository.lease(ModelSpec(model, version), "embed")
        except (ModelNotFound, VersionNotFound) as error:
            raise IndexOutdated(outdated(name, bound, error.message)) from None
    lease = await repository.lease(ModelSpec(model, spec.version, spec.label))
    if (asked := lease.model.export.version) != version:
        with lease:
            raise Conflict(
                f"the index '{name}' is bound to version {version} of '{model}', not {asked}: "
                "their vectors cannot be compared",
                param="version" if spec.label is None else "label",
            )
    return lease


def binding_of(lease: Lease) -> Binding:
    """What is bound to the leased version."""
    export = lease.model.export
    return Binding(lease.manifest.width or 0, export.name, export.version)


def outdated(name: str, bound: Binding, reason: str) -> str:
    """Why an index cannot be asked, and what to do."""
    return (
        f"the index '{name}' was filled by version {bound.version} of '{bound.model}', which is "
        f"not served ({reason}): another's vectors cannot be compared with its own. POST "
        f"/v1/indexes/{name}/embed embeds anew what it kept"
    )
