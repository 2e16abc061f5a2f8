"""The Open Inference Protocol's tensors in gRPC messages: raw bytes, or typed contents."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from service.codecs import datatypes
from service.errors import InvalidInput
from service.protocols.grpc import packed
from service.protocols.grpc.protos.open_inference_pb2 import (
    InferTensorContents,
    ModelInferRequest,
    ModelInferResponse,
)
from service.runtimes import Tensors

_FIELDS: Final = {
    "BOOL": "bool_contents",
    "UINT8": "uint_contents",
    "UINT16": "uint_contents",
    "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
    "INT8": "int_contents",
    "INT16": "int_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}
"""Where the elements of each type stand; FP16 and BF16 have no such field."""


def read(request: ModelInferRequest) -> Tensors:
    """The inputs of a request by name; of raw numbers views of their bytes, read-only.

    Raises:
        InvalidInput: an input is malformed, there twice, or both raw and typed.
    """
    raws = list(request.raw_input_contents)
    if raws and len(raws) != len(request.inputs):
        raise InvalidInput(
            f"raw_input_contents has {len(raws)} tensors for {len(request.inputs)} inputs: "
            "send all of them raw, or none"
        )
    tensors: dict[str, NDArray[Any]] = {}
    for index, sent in enumerate(request.inputs):
        if sent.name in tensors:
            raise InvalidInput(f"the input '{sent.name[:100]}' is there twice", param=sent.name)
        try:
            tensors[sent.name] = _tensor(sent, raws[index] if raws else None)
        except InvalidInput as error:
            message = f"input '{sent.name[:100]}': {error.message}"
            raise InvalidInput(message, param=sent.name) from None
    return tensors


def write(answer: ModelInferResponse, outputs: Mapping[str, NDArray[Any]], raw: bool) -> None:
    """Put the outputs into an answer, raw or, where all their types allow it, typed."""
    datatype = {name: datatypes.datatype_of_array(array) for name, array in outputs.items()}
    raw = raw or any(each not in _FIELDS for each in datatype.values())
    for name, array in outputs.items():
        output = answer.outputs.add(name=name, datatype=datatype[name], shape=array.shape)
        if raw:
            answer.raw_output_contents.append(bytes(datatypes.to_raw(array)))
        elif datatype[name] == "BYTES":
            output.contents.bytes_contents.extend(map(_encoded, array.ravel()))
        else:
            packed.write(output.contents, _FIELDS[datatype[name]], array)


def _tensor(sent: ModelInferRequest.InferInputTensor, raw: bytes | None) -> NDArray[Any]:
    if "shared_memory_region" in sent.parameters:
        raise InvalidInput("shared memory is not offered: send the tensor in the request")
    if raw is None:
        return _typed(sent.contents, sent.datatype, sent.shape)
    if sent.contents.ByteSize():
        raise InvalidInput("it has contents beside raw_input_contents: send one of them")
    return datatypes.from_raw(raw, sent.datatype, sent.shape)


def _typed(contents: InferTensorContents, datatype: str, shape: Sequence[int]) -> NDArray[Any]:
    dtype, field = datatypes.dtype_of(datatype), _FIELDS.get(datatype)
    if field is None:
        raise InvalidInput(f"{datatype} has no typed contents: send it in raw_input_contents")
    if any(size < 0 for size in shape):
        raise InvalidInput(f"a tensor's sizes are 0 or more; got {list(shape)}")
    count = len(getattr(contents, field))
    if count != math.prod(shape):
        raise InvalidInput(
            f"{datatype} {list(shape)} takes {math.prod(shape)} elements in {field}; got {count}"
        )
    if datatype == "BYTES":
        return datatypes.strings(contents.bytes_contents, shape)
    try:
        return packed.read(contents, field, np.dtype(dtype)).reshape(shape)
    except OverflowError:
        raise InvalidInput(f"an element of {field} does not fit into {datatype}") from None
    except ValueError as error:  # more axes than NumPy has
        raise InvalidInput(f"no tensor has the shape {list(shape)[:40]}: {error}") from None


def _encoded(element: bytes | str) -> bytes:
    return element.encode() if isinstance(element, str) else element
