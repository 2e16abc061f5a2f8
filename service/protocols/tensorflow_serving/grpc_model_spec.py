"""TensorFlow Serving's `ModelSpec` and `SignatureDef` messages."""

from __future__ import annotations

from grpc import StatusCode

from service.errors import InvalidInput
from service.exports import saved_model
from service.protocols.grpc.protos.tensorflow_pb2 import SignatureDef, TensorInfo, TensorShapeProto
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
    """Fill an empty spec with the version and the signature that answered."""
    answer.name = lease.model.export.name
    answer.version.value = lease.model.export.version
    answer.signature_name = signature


def write_signature(message: SignatureDef, definition: saved_model.SignatureDef) -> None:
    """Fill an empty message with a signature, as its SavedModel describes it."""
    message.method_name = definition.method_name
    for name, info in definition.inputs.items():
        message.inputs[name].MergeFrom(_tensor_info(info))
    for name, info in definition.outputs.items():
        message.outputs[name].MergeFrom(_tensor_info(info))


def _tensor_info(info: saved_model.TensorInfo) -> TensorInfo:
    shape = TensorShapeProto(unknown_rank=info.dims is None)
    for size, name in info.dims or ():
        shape.dim.add(size=size, name=name)
    return TensorInfo(name=info.name, dtype=info.dtype, tensor_shape=shape)
