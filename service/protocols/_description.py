"""A model as the lists show it: OpenAI's four keys, what it takes, where it runs, its proof."""

from __future__ import annotations

from typing import Any

from service.model import Model
from service.shelf import Shelf


def describe(shelf: Shelf) -> dict[str, Any]:
    """The version that answers, and in `versions` the state of each."""
    model = shelf.pick()
    loaded, manifest = model.loaded, model.manifest
    return {
        "id": model.export.name,
        "object": "model",
        "created": int(model.ready_at or 0),
        "owned_by": "lutrin",
        "version": model.export.version,
        "state": model.state,
        "reason": model.reason,
        "versions": [_state(each) for each in shelf.models],
        "labels_of_versions": shelf.labels,
        "description": manifest.description if manifest else None,
        "tasks": manifest.tasks if manifest else None,
        "labels": len(manifest.labels) if manifest and manifest.labels else None,
        "input": manifest.image.model_dump() if manifest and manifest.image else None,
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
