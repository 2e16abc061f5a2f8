"""Tensors of the Open Inference Protocol in gRPC messages, typed and raw."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest
from numpy.typing import NDArray

from service.errors import InvalidInput
from service.protocols.grpc.protos.open_inference_pb2 import ModelInferRequest, ModelInferResponse
from service.protocols.open_inference import grpc_contents

TYPED = {
    "BOOL": np.array([True, False, True]),
    "UINT8": np.array([0, 255], np.uint8),
    "UINT16": np.array([0, 65535], np.uint16),
    "UINT32": np.array([0, 2**32 - 1], np.uint32),
    "UINT64": np.array([0, 2**64 - 1], np.uint64),
    "INT8": np.array([-128, 127], np.int8),
    "INT16": np.array([-32768, 32767], np.int16),
    "INT32": np.array([-(2**31), 2**31 - 1], np.int32),
    "INT64": np.array([-(2**63), 2**63 - 1], np.int64),
    "FP32": np.array([[1.5], [np.inf]], np.float32),
    "FP64": np.arange(300.0).reshape(2, 150),
    "BYTES": np.array([b"\0a", b""], object),
}
RAW_ONLY = {
    "FP16": np.array([1.5, -2], np.float16),
    "BF16": np.array([1.5, -2]).astype(ml_dtypes.bfloat16),
}


def _round_trip(datatype: str, array: NDArray[Any], *, raw: bool) -> NDArray[Any]:
    """Write the array as an output, take that as an input, and read it."""
    answer = ModelInferResponse()
    grpc_contents.write(answer, {"x": array}, raw)
    [output] = answer.outputs
    assert (output.datatype, list(output.shape)) == (datatype, list(array.shape))
    request = ModelInferRequest(raw_input_contents=answer.raw_output_contents)
    request.inputs.add().ParseFromString(output.SerializeToString())
    return grpc_contents.read(request)["x"]


@pytest.mark.parametrize("raw", [False, True], ids=["typed", "raw"])
@pytest.mark.parametrize("datatype", [*TYPED, *RAW_ONLY])
def test_what_is_written_is_read(datatype: str, raw: bool) -> None:
    array = (TYPED | RAW_ONLY)[datatype]
    read = _round_trip(datatype, array, raw=raw)
    assert (read.dtype, read.shape) == (array.dtype, array.shape)
    assert (read == array).all()


def test_an_answer_is_never_typed_and_raw() -> None:
    answer = ModelInferResponse()
    grpc_contents.write(answer, {"a": TYPED["FP32"], "b": RAW_ONLY["FP16"]}, raw=False)
    assert len(answer.raw_output_contents) == 2
    assert not any(output.HasField("contents") for output in answer.outputs)
    grpc_contents.write(typed := ModelInferResponse(), {"a": TYPED["FP32"]}, raw=False)
    assert not typed.raw_output_contents
    assert typed.outputs[0].contents.fp32_contents == [1.5, np.inf]


def test_raw_numbers_are_not_copied() -> None:
    request = ModelInferRequest(raw_input_contents=[np.ones(4, np.float32).tobytes()])
    request.inputs.add(name="x", datatype="FP32", shape=[2, 2])
    assert not grpc_contents.read(request)["x"].flags.owndata


@pytest.mark.parametrize(
    ("request_text", "match"),
    [
        ("datatype: 'FP32' shape: 2 contents { fp32_contents: 1 }", "takes 2 elements .*; got 1"),
        ("datatype: 'FP32' shape: 1 contents { fp64_contents: 1 }", "in fp32_contents; got 0"),
        ("datatype: 'INT8' shape: 1 contents { int_contents: 200 }", "does not fit into INT8"),
        ("datatype: 'FP16' shape: 1 contents { fp32_contents: 1 }", "send it in raw_input"),
        ("datatype: 'FP32' shape: -1 contents { fp32_contents: 1 }", "sizes are 0 or more"),
        ("datatype: 'TEXT' shape: 1", "'TEXT' is no datatype"),
        ("datatype: 'FP32' shape: 1 parameters { key: 'shared_memory_region' }", "shared memory"),
    ],
)
def test_what_is_not_sound_is_refused_by_name(request_text: str, match: str) -> None:
    from google.protobuf import text_format

    request = ModelInferRequest()
    text_format.Parse(f"inputs {{ name: 'x' {request_text} }}", request)
    with pytest.raises(InvalidInput, match=f"input 'x': .*{match}") as caught:
        grpc_contents.read(request)
    assert caught.value.param == "x"


def test_raw_and_typed_inputs_are_not_mixed() -> None:
    request = ModelInferRequest(raw_input_contents=[b"\0\0\0\0"])
    first = request.inputs.add(name="x", datatype="FP32", shape=[1])
    request.inputs.add(name="y", datatype="FP32", shape=[1])
    with pytest.raises(InvalidInput, match="1 tensors for 2 inputs"):
        grpc_contents.read(request)
    del request.inputs[1]
    assert grpc_contents.read(request)["x"] == [0]
    first.contents.fp32_contents.append(1)
    with pytest.raises(InvalidInput, match="contents beside raw_input_contents"):
        grpc_contents.read(request)
    first.ClearField("contents")
    request.raw_input_contents[0] = b"\0\0\0"
    with pytest.raises(InvalidInput, match="takes 4 bytes"):
        grpc_contents.read(request)


def test_an_input_there_twice_is_refused() -> None:
    request = ModelInferRequest()
    for _ in range(2):
        request.inputs.add(name="x", datatype="FP32", shape=[0])
    with pytest.raises(InvalidInput, match="'x' is there twice"):
        grpc_contents.read(request)
