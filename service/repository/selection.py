"""The model that answers a request which names none: the only one that can."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from service.errors import InvalidInput, NotReady
from service.manifest import Modality, Task
from service.repository.model import Model
from service.repository.versions import ModelVersions


def only_one_for(
    all_versions: Iterable[ModelVersions], task: Task | None, modalities: Collection[Modality]
) -> ModelVersions:
    """The only model that can do `task`, or embed all of `modalities`.

    Judged by manifests, so that the answer does not depend on which model loaded first.

    Raises:
        NotReady: no model can.
        InvalidInput: several can, and the request has to name one.
    """
    served = [each for each in all_versions if each.models]
    able = [each for each in served if _can(each.pick(), task, modalities)]
    if len(able) == 1:
        return able[0]
    inputs = " and ".join(f"{each}s" for each in sorted(modalities))
    does = f"{task or 'answer'} {inputs}".rstrip()
    if able:
        names = ", ".join(each.name for each in able)
        raise InvalidInput(
            f"several models can {does}; name one in 'model': {names}", param="model"
        )
    states = ", ".join(f"{each.name} ({each.pick().state})" for each in served)
    raise NotReady(f"no model is ready to {does}; there are: {states or 'none at all'}")


def _can(model: Model, task: Task | None, modalities: Collection[Modality]) -> bool:
    manifest = model.manifest
    return (
        manifest is not None
        and (task is None or manifest.signature_for(task) is not None)
        and manifest.encoders.keys() >= set(modalities)
    )
