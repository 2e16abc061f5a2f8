"""Which version of which model may fill an index, and may ask it."""

from __future__ import annotations

from typing import NamedTuple

from service.engine.engine import Engine
from service.errors import Conflict, IndexOutdated, ModelNotFound, VersionNotFound
from service.repository.lease import Lease
from service.search.stores import Binding


class Choice(NamedTuple):
    """Which model a request names, if any."""

    model: str | None = None
    version: int | None = None
    label: str | None = None
    key: str | None = None


async def lease_to_fill(
    engine: Engine, name: str, bound: Binding | None, choice: Choice, *, needed: bool
) -> Lease | None:
    """The version that is to fill an index, or None where its vectors are nobody's.

    Raises:
        Conflict: the index is bound to something else.
        ServiceError: as `Engine.lease` does.
    """
    if bound is not None:
        return await lease_to_ask(engine, name, bound, choice, needed=needed)
    if needed or choice.model is not None:
        return await engine.lease(
            choice.model,
            version=choice.version,
            label=choice.label,
            key=choice.key,
            task="embed",
        )
    return None


async def lease_to_ask(
    engine: Engine, name: str, bound: Binding, choice: Choice, *, needed: bool
) -> Lease | None:
    """The version that filled an index, or None where its vectors are nobody's.

    Raises:
        Conflict: the request names another, or there is none and it is needed.
        IndexOutdated: it is not served any more.
        ServiceError: as `Engine.lease` does.
    """
    model, version = bound.model, bound.version
    if model is None:
        if needed or choice.model is not None:
            raise Conflict(
                f"the index '{name}' has vectors that no model of this service made: send a "
                f"'vector' of {bound.width} numbers, or embed anew what it kept by "
                f"POST /v1/indexes/{name}/embed",
            )
        return None
    if choice.model not in (None, model):
        raise Conflict(
            f"the index '{name}' is bound to the model '{model}', not '{choice.model}': "
            "their vectors cannot be compared",
            param="model",
        )
    if choice.version is None and choice.label is None:
        try:
            return await engine.lease(model, version=version, task="embed")
        except (ModelNotFound, VersionNotFound) as error:
            raise IndexOutdated(outdated(name, bound, error.message)) from None
    lease = await engine.lease(model, version=choice.version, label=choice.label)
    if (asked := lease.model.export.version) != version:
        with lease:
            raise Conflict(
                f"the index '{name}' is bound to version {version} of '{model}', not {asked}: "
                "their vectors cannot be compared",
                param="version" if choice.label is None else "label",
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
