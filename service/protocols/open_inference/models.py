"""Models in the protocol's words, and in those of Triton's extensions of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from service.codecs.datatypes import datatype_of
from service.engine.engine import Engine
from service.errors import InvalidInput
from service.manifest import Manifest, Signature, TensorSpec
from service.repository.model import Model
from service.repository.model_spec import ModelSpec
from service.repository.plans.plan import Plan
from service.repository.versions import ModelVersions, answers

EXTENSIONS: Final = (
    "binary_tensor_data",
    "classification",
    "model_configuration",
    "model_repository",
    "schedule_policy",
    "statistics",
)
"""What this service has of Triton's extensions of the protocol."""

_PLATFORMS: Final = {"openvino": "openvino", "tensorflow": "tensorflow_savedmodel"}
_STATES: Final = {"ready": "READY", "loading": "LOADING", "unloading": "UNLOADING"}
"""Triton's words; of any other state it says UNAVAILABLE."""


def version_of(text: str) -> int | None:
    """The version that a request names, None where it names none.

    Raises:
        InvalidInput: it is no positive integer.
    """
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and 0 < int(text[:20]) < 2**63):
        raise InvalidInput(
            f"a model's version is an integer value > 0; got '{text[:100]}'", param="version"
        )
    return int(text)


def why_not_ready(engine: Engine, name: str, version: int | None) -> str | None:
    """Why a version does not answer; None where it does, if only once a request has loaded it.

    Raises:
        ModelNotFound: no model has this name.
        VersionNotFound: it has no such version.
    """
    versions = engine.repository.versions(name)
    model = versions.pick(version)
    return None if answers(model) and not versions.is_closed else f"{model.state}: {model.reason}"


async def known(engine: Engine, name: str, version: int | None) -> tuple[Model, Manifest]:
    """The version that answers and its manifest; one that has none is loaded for it.

    Raises:
        ServiceError: there is no such model or version, or it is not ready.
    """
    versions = engine.repository.versions(name)
    model = versions.pick(version)
    if model.manifest is not None and answers(model) and not versions.is_closed:
        return model, model.manifest
    with await engine.repository.lease(ModelSpec(name, version)) as lease:
        return lease.model, lease.manifest


def metadata(model: Model, manifest: Manifest, versions: ModelVersions) -> dict[str, Any]:
    """What the first signature takes and gives; -1 stands for any size."""
    signature = _first(manifest)
    answering = sorted(each.export.version for each in versions.models if answers(each))
    return {
        "name": model.export.name,
        "versions": [str(each) for each in answering],
        "platform": _platform(model),
        "inputs": [_tensor(*each) for each in signature.inputs.items()],
        "outputs": [_tensor(*each) for each in signature.outputs.items()],
    }


def configuration(
    model: Model, manifest: Manifest, plan: Plan, max_batch_size: int
) -> dict[str, Any]:
    """Triton's model configuration, of what it says here that which is so.

    A model that batches has `max_batch_size` above 0 and its tensors' `dims` without the batch.
    """
    signature, loaded = _first(manifest), model.loaded
    batches = signature.task != "infer"
    said: dict[str, Any] = {
        "name": model.export.name,
        "platform": _platform(model),
        "backend": loaded.runtime if loaded else "tensorflow",
        "version_policy": _policy(plan),
        "max_batch_size": max_batch_size if batches else 0,
        "input": [_dims(*each, batches) for each in signature.inputs.items()],
        "output": [_dims(*each, batches) for each in signature.outputs.items()],
    }
    if batches:
        said["dynamic_batching"] = {"max_queue_delay_microseconds": 0}
    if loaded is not None:
        kinds = [f"KIND_{device.kind.upper()}" for device in loaded.devices]
        said["instance_group"] = [
            {"kind": kind, "count": kinds.count(kind)} for kind in dict.fromkeys(kinds)
        ]
    return said


def index(models: Iterable[Model], ready: bool) -> list[dict[str, str]]:
    """Each version with its state and the reason for it; only the ready ones where `ready`."""
    return [_entry(model) for model in models if not ready or model.state == "ready"]


def statistics(models: Iterable[Model]) -> dict[str, Any]:
    """What those of the models that are loaded have done."""
    said = [
        {"name": model.export.name, "version": str(model.export.version)}
        | model.statistics.as_dict()
        for model in models
        if model.loaded is not None
    ]
    return {"model_stats": said}


def refuse_overrides(parameters: Iterable[str]) -> None:
    """Refuse what Triton lets a load override: here the folder of models says it.

    Raises:
        InvalidInput: there is such a parameter.
    """
    for name in parameters:
        if name == "config" or name.startswith("file:"):
            raise InvalidInput(
                f"'{name[:100]}' cannot override an export: write it to the folder of models, and "
                "how it is run to models.yaml or MODEL_OPTIONS",
                param="parameters",
            )


def _first(manifest: Manifest) -> Signature:
    return next(iter(manifest.signatures.values()))


def _platform(model: Model) -> str:
    # What is not loaded is a SavedModel, whatever will run it.
    return _PLATFORMS[model.loaded.runtime if model.loaded else "tensorflow"]


def _tensor(name: str, spec: TensorSpec) -> dict[str, Any]:
    return {"name": name, "datatype": datatype_of(spec.dtype), "shape": _sizes(spec)}


def _sizes(spec: TensorSpec) -> list[int]:
    # The protocol has no word for an unknown rank: -1 alone comes nearest.
    return [-1] if spec.shape is None else [-1 if size is None else size for size in spec.shape]


def _dims(name: str, spec: TensorSpec, batches: bool) -> dict[str, Any]:
    datatype = datatype_of(spec.dtype)
    kind = "TYPE_STRING" if datatype == "BYTES" else f"TYPE_{datatype}"
    return {"name": name, "data_type": kind, "dims": _sizes(spec)[1 if batches else 0 :]}


def _policy(plan: Plan) -> dict[str, Any]:
    versions = plan.versions
    if versions.only is not None:
        return {"specific": {"versions": list(versions.only)}}
    return {"all": {}} if versions.count is None else {"latest": {"num_versions": versions.count}}


def _entry(model: Model) -> dict[str, str]:
    return {
        "name": model.export.name,
        "version": str(model.export.version),
        "state": _STATES.get(model.state, "UNAVAILABLE"),
        "reason": "" if model.state == "ready" else f"{model.state}: {model.reason}",
    }
