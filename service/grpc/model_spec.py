"""TensorFlow Serving's `ModelSpec`: which model, version and signature are asked, or answered.

What is not found is said in TensorFlow Serving's words, which its clients look for, and then ours.
"""

from __future__ import annotations

from grpc import StatusCode

from service.engine import Engine
from service.errors import InvalidInput, LabelNotFound, ModelNotFound, VersionNotFound
from service.grpc.protos.tensorflow_serving_pb2 import ModelSpec
from service.grpc.status import Refused
from service.lease import Lease
from service.model import Model


def named(spec: ModelSpec) -> ModelSpec:
    """The spec, when it names a model.

    Raises:
        Refused: it names none, or a version that cannot be.
    """
    if not spec.name:
        raise Refused(StatusCode.INVALID_ARGUMENT, "Missing ModelSpec: it has no model's name")
    if spec.HasField("version") and spec.version.value < 0:
        raise Refused(
            StatusCode.INVALID_ARGUMENT,
            f"a model's version is an integer of 0 or more; got {spec.version.value}",
        )
    return spec


async def lease(engine: Engine, spec: ModelSpec) -> Lease:
    """The version that a spec asks for: by number, by label, or the one that answers.

    Raises:
        Refused: there is no such model, version or label.
        ServiceError: the model is not ready.
    """
    named(spec)
    version = spec.version.value if spec.HasField("version") else None
    label = spec.version_label if spec.HasField("version_label") else None
    try:
        return await engine.lease(spec.name, version=version)
    except (ModelNotFound, VersionNotFound) as error:
        asked = f"Latest({spec.name})" if version is None else f"Specific({spec.name}, {version})"
        raise Refused(
            StatusCode.NOT_FOUND, f"Servable not found for request: {asked}: {error.message}"
        ) from None
    except LabelNotFound as error:
        raise Refused(
            StatusCode.INVALID_ARGUMENT,
            f"Unrecognized servable version label: {label}: {error.message}",
        ) from None


def versions(engine: Engine, spec: ModelSpec) -> list[Model]:
    """The versions that a spec asks about: the one of its number or label, else all.

    Raises:
        Refused: there is no such model, version or label.
    """
    try:
        models = engine.versions(spec.name)
    except ModelNotFound as error:
        raise Refused(
            StatusCode.NOT_FOUND,
            f"Could not find any versions of model {spec.name[:100]}: {error.message}",
        ) from None
    if not spec.HasField("version"):
        return models
    asked = [each for each in models if each.export.version == spec.version.value]
    if not asked:
        raise Refused(
            StatusCode.NOT_FOUND,
            f"Could not find version {spec.version.value} of model {spec.name}",
        )
    return asked


def signature(spec: ModelSpec, lease: Lease) -> str:
    """The name of the signature that a spec asks for; where it says none, the model's first.

    Raises:
        Refused: the model has no such signature.
    """
    try:
        return lease.signature(spec.signature_name)
    except InvalidInput as error:
        raise Refused(
            StatusCode.FAILED_PRECONDITION,
            f'Serving signature key "{spec.signature_name[:100]}" not found: {error.message}',
        ) from None


def answered(answer: ModelSpec, lease: Lease, signature: str = "") -> None:
    """Put into an empty spec which version answered, and by which signature."""
    answer.name = lease.model.export.name
    answer.version.value = lease.model.export.version
    answer.signature_name = signature
