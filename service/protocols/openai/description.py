"""A model as the lists show it: OpenAI's four keys, what it takes, where it runs, its proof."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from service.manifest import ImageInput, Modality, Signature, Task
from service.repository.model import Model, State
from service.repository.versions import ModelVersions


class VersionState(BaseModel):
    """One version, and why it is in its state."""

    version: int
    state: State
    reason: str


class ModelDescription(BaseModel):
    """One model: OpenAI's four keys, and what `describe` says beside them.

    What only a loaded model tells is null until it is.
    """

    model_config = ConfigDict(use_attribute_docstrings=True)

    id: str
    object: Literal["model"]
    created: int
    """When it became ready, in seconds since 1970; 0 where it is not."""
    owned_by: str
    version: int
    """The version that answers."""
    state: State
    reason: str
    versions: list[VersionState]
    labels_of_versions: dict[str, int]
    """The version that each label stands for."""
    description: str | None
    tasks: list[Task] | None
    labels: int | None
    """How many classes it tells apart."""
    input: ImageInput | None
    modalities: list[Modality] | None
    """What it embeds; empty where it makes no vectors."""
    width: int | None
    """Dimensions of its vectors, where it makes any."""
    max_length: int | None
    """Tokens of the longest text that it takes, special ones included, where it takes texts."""
    signatures: dict[str, Signature] | None
    runtime: str | None
    device: str | None
    precision: str | None
    golden_error: float | None
    """The largest absolute difference from its goldens; null too where it has none."""


class ModelList(BaseModel):
    """Every model."""

    object: Literal["list"]
    data: list[ModelDescription]


def describe(versions: ModelVersions) -> dict[str, Any]:
    """The version that answers, and in `versions` the state of each."""
    model = versions.pick()
    loaded, manifest = model.loaded, model.manifest
    return {
        "id": model.export.name,
        "object": "model",
        "created": int(model.ready_at or 0),
        "owned_by": "lutrin",
        "version": model.export.version,
        "state": model.state,
        "reason": model.reason,
        "versions": [_state(each) for each in versions.models],
        "labels_of_versions": versions.labels,
        "description": manifest.description if manifest else None,
        "tasks": manifest.tasks if manifest else None,
        "labels": len(manifest.labels) if manifest and manifest.labels else None,
        "input": manifest.image.model_dump() if manifest and manifest.image else None,
        "modalities": list(manifest.encoders) if manifest else None,
        "width": manifest.width if manifest else None,
        "max_length": manifest.text.max_length if manifest and manifest.text else None,
        "signatures": {
            name: signature.model_dump() for name, signature in manifest.signatures.items()
        }
        if manifest
        else None,
        "runtime": loaded.runtime if loaded else None,
        "device": ",".join(map(str, loaded.devices)) if loaded else None,
        "precision": loaded.precision if loaded else None,
        "golden_error": loaded.golden_error if loaded else None,
    }


def _state(model: Model) -> dict[str, Any]:
    return {"version": model.export.version, "state": model.state, "reason": model.reason}
