"""What a model takes and gives, and how it is run: the metadata and Triton's configuration."""

from __future__ import annotations

from typing import Any, Final, cast

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from service.datatypes import datatype_of
from service.engine import Engine
from service.manifest import Manifest, Signature, TensorSpec
from service.model import Model
from service.plan import Plan
from service.protocols._envelope import JSONReply, named
from service.protocols.open_inference import document
from service.protocols.open_inference.route import TAG, OpenInferenceRoute, version_of
from service.settings import Settings
from service.shelf import answers

router: Final = APIRouter(route_class=OpenInferenceRoute, tags=[TAG])

_PLATFORMS: Final = {"openvino": "openvino", "tensorflow": "tensorflow_savedmodel"}


@router.get(
    "/v2/models/{model}",
    summary="What a model takes and gives",
    response_model=document.ModelMetadata,
    responses=document.errors(404, 503),
    openapi_extra=document.path("model"),
)
@router.get(
    "/v2/models/{model}/versions/{version}",
    summary="What this version takes and gives",
    response_model=document.ModelMetadata,
    responses=document.errors(400, 404, 503),
    openapi_extra=document.path("model", "version"),
)
async def metadata(request: Request) -> Response:
    """The tensors of the model's first signature; -1 stands for any size."""
    engine = cast(Engine, request.app.state.engine)
    name, version = request.path_params["model"], version_of(request.path_params)
    model, manifest = await _known(engine, name, version)
    shelf, signature = engine.repository.shelf(name), _first(manifest)
    versions = sorted(each.export.version for each in shelf.models if answers(each))
    said = {
        "name": name,
        "versions": [str(each) for each in versions],
        "platform": _platform(model),
        "inputs": [_tensor(*each) for each in signature.inputs.items()],
        "outputs": [_tensor(*each) for each in signature.outputs.items()],
    }
    return named(JSONReply(orjson.dumps(said)), name, model.export.version)


@router.get(
    "/v2/models/{model}/config",
    summary="How a model is run",
    response_model=dict[str, Any],
    responses=document.errors(404, 503),
    openapi_extra=document.path("model"),
)
@router.get(
    "/v2/models/{model}/versions/{version}/config",
    summary="How this version is run",
    response_model=dict[str, Any],
    responses=document.errors(400, 404, 503),
    openapi_extra=document.path("model", "version"),
)
async def config(request: Request) -> Response:
    """Triton's model configuration, of what it says here that which is so.

    A model that batches has `max_batch_size` above 0 and its tensors' `dims` without the batch.
    """
    state = request.app.state
    engine, settings = cast(Engine, state.engine), cast(Settings, state.settings)
    name, version = request.path_params["model"], version_of(request.path_params)
    model, manifest = await _known(engine, name, version)
    said = _config(model, manifest, engine.repository.shelf(name).plan, settings.max_batch_size)
    return named(JSONReply(orjson.dumps(said)), name, model.export.version)


async def _known(engine: Engine, name: str, version: int | None) -> tuple[Model, Manifest]:
    """The version that answers and its manifest; one that has none is loaded for it."""
    model = engine.repository.shelf(name).pick(version)
    if model.manifest is not None and answers(model):
        return model, model.manifest
    with await engine.lease(name, version=version) as lease:
        return lease.model, lease.manifest


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


def _config(model: Model, manifest: Manifest, plan: Plan, max_batch_size: int) -> dict[str, Any]:
    signature, loaded = _first(manifest), model.loaded
    batches = signature.task == "classify"
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


def _dims(name: str, spec: TensorSpec, batches: bool) -> dict[str, Any]:
    datatype = datatype_of(spec.dtype)
    kind = "TYPE_STRING" if datatype == "BYTES" else f"TYPE_{datatype}"
    return {"name": name, "data_type": kind, "dims": _sizes(spec)[1 if batches else 0 :]}


def _policy(plan: Plan) -> dict[str, Any]:
    versions = plan.versions
    if versions.only is not None:
        return {"specific": {"versions": list(versions.only)}}
    return {"latest": {"num_versions": versions.count}} if versions.count else {"all": {}}
