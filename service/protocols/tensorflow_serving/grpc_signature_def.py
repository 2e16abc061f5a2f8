"""TensorFlow's `SignatureDef` as a message: a signature as its SavedModel describes it."""

from __future__ import annotations

from service.exports import saved_model
from service.protocols.grpc.protos.tensorflow_pb2 import SignatureDef, TensorInfo, TensorShapeProto


def write(message: SignatureDef, definition: saved_model.SignatureDef) -> None:
    """Put a signature into an empty message."""
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
