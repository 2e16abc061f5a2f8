"""TensorFlow Serving's `ModelSpec`: which model, version and signature are asked, or answered."""

from __future__ import annotations

from grpc import StatusCode

from service.errors import InvalidInput
from service.protocols.grpc.protos.tensorflow_serving_pb2 import ModelSpec as ModelSpecProto
from service.protocols.grpc.status import Refused
from service.repository.lease import Lease
from service.repository.model_spec import ModelSpec


def read(spec: ModelSpecProto, key: str | None = None) -> ModelSpec:
    """The model that a message names; requests of one `key` go to the same version.

    Raises:
        InvalidInput: it names no model.
    """
    if not spec.name:
        raise InvalidInput("Missing ModelSpec: it has no model's name", param="model_spec")
    version = spec.version.value if spec.HasField("version") else None
    label = spec.version_label if spec.HasField("version_label") else None
    return ModelSpec(spec.name, version, label, key)


def signature(spec: ModelSpecProto, lease: Lease) -> str:
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


def answered(answer: ModelSpecProto, lease: Lease, signature: str) -> None:
    """Put into an empty spec which version answered, and by which signature."""
    answer.name = lease.model.export.name
    answer.version.value = lease.model.export.version
    answer.signature_name = signature
