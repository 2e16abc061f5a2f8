"""TensorFlow Serving over gRPC, asked with `tensorflow-serving-api`'s own stubs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import grpc
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf.json_format import MessageToDict
from grpc import StatusCode
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)

from tests.server import Server

TYPES = [*(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))]
TYPES += ["half", "bool", "float", "double"]


@pytest.fixture(scope="module")
def channel(grpc_server: Server) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(grpc_server.grpc_address) as channel:
        yield channel


@pytest.fixture(scope="module")
def stub(channel: grpc.Channel) -> Any:
    return prediction_service_pb2_grpc.PredictionServiceStub(channel)


def _request(name: str, signature: str = "", **inputs: Any) -> Any:
    request = predict_pb2.PredictRequest()
    request.model_spec.name = name
    request.model_spec.signature_name = signature
    for key, value in inputs.items():
        request.inputs[key].CopyFrom(tf.make_tensor_proto(value))
    return request


def _refused(call: Any, request: Any) -> tuple[StatusCode, str]:
    """The status and the text with which a call is refused."""
    with pytest.raises(grpc.RpcError) as caught:
        call(request)
    return caught.value.code(), caught.value.details()


def _example(**features: float) -> tf.train.Example:
    return tf.train.Example(
        features=tf.train.Features(
            feature={
                name: tf.train.Feature(float_list=tf.train.FloatList(value=[value]))
                for name, value in features.items()
            }
        )
    )


def test_half_plus_two(stub: Any) -> None:
    answer = stub.Predict(_request("half_plus", x=np.array([[1.0], [2.0], [5.0]], np.float32)))
    assert list(answer.outputs["y"].float_val) == [2.5, 3.0, 4.5]
    assert tf.make_ndarray(answer.outputs["y"]).tolist() == [[2.5], [3.0], [4.5]]
    spec = answer.model_spec
    assert (spec.name, spec.version.value, spec.signature_name) == (
        *("half_plus", 123),
        "serving_default",
    )


def test_values_beside_tensor_content(stub: Any) -> None:
    request = _request("half_plus", "serving_default")
    request.inputs["x"].dtype = tf.float32.as_datatype_enum
    request.inputs["x"].float_val.append(3.0)
    for size in (4, 1):
        request.inputs["x"].tensor_shape.dim.add(size=size)
    assert list(stub.Predict(request).outputs["y"].float_val) == [3.5] * 4


@pytest.mark.parametrize("dtype", TYPES)
def test_every_type_comes_back(stub: Any, dtype: str) -> None:
    array = np.array([0, 1, 1], tf.as_dtype(dtype).as_numpy_dtype)
    y = tf.make_ndarray(stub.Predict(_request("types", dtype, x=array)).outputs["y"])
    assert (y.dtype, y.tolist()) == (array.dtype, array.tolist())


def test_long_tensors_come_back_whole(stub: Any) -> None:
    array = np.arange(300_000, dtype=np.int32)
    answer = stub.Predict(_request("types", "int32", x=array)).outputs["y"]
    assert list(answer.int_val) == array.tolist()


def test_strings_and_scalars(stub: Any) -> None:
    answer = stub.Predict(_request("strings", s=np.array([b"a\0", b""], object)))
    assert list(answer.outputs["s"].string_val) == [b"a\0", b""]
    answer = stub.Predict(_request("types", "scalar", x=np.float32(3)))
    assert tf.make_ndarray(answer.outputs["y"]) == 3.5
    assert not answer.outputs["y"].tensor_shape.dim


def test_outputs_are_filtered(stub: Any) -> None:
    request = _request("types", "pair", a=np.ones((2, 2), np.float32), b=np.array([1, 2], np.int32))
    assert set(stub.Predict(request).outputs) == {"total", "twice"}
    request.output_filter.append("twice")
    assert list(stub.Predict(request).outputs["twice"].int_val) == [2, 4]
    request.output_filter.append("twice")
    assert _refused(stub.Predict, request) == (
        StatusCode.INVALID_ARGUMENT,
        "duplicate output tensor alias: twice",
    )
    request.output_filter[0] = "thrice"
    status, text = _refused(stub.Predict, request)
    assert status is StatusCode.INVALID_ARGUMENT
    assert text.startswith("output tensor alias not found in signature: thrice")
    assert "{total,twice}" in text


def test_our_own_classifier_takes_tensors(stub: Any) -> None:
    images = np.stack([np.zeros((8, 8, 1), np.uint8), np.full((8, 8, 1), 255, np.uint8)])
    answer = stub.Predict(_request("shade", images=images))
    assert tf.make_ndarray(answer.outputs["probabilities"]).argmax(1).tolist() == [0, 2]
    assert answer.model_spec.version.value == 3


def test_versions(stub: Any) -> None:
    request = _request("half_plus", x=np.ones((1, 1), np.float32))
    request.model_spec.version.value = 123
    assert stub.Predict(request).model_spec.version.value == 123
    request.model_spec.version.value = 7
    status, text = _refused(stub.Predict, request)
    assert status is StatusCode.NOT_FOUND
    assert text.startswith("Servable not found for request: Specific(half_plus, 7)")
    request.model_spec.version_label = "stable"
    assert stub.Predict(request).model_spec.version.value == 123
    request.model_spec.version_label = "canary"
    status, text = _refused(stub.Predict, request)
    assert status is StatusCode.INVALID_ARGUMENT
    assert text.startswith("Unrecognized servable version label: canary")


def test_what_is_not_there_is_said_in_tensorflow_serving_s_words(stub: Any) -> None:
    x = np.ones((1, 1), np.float32)
    status, text = _refused(stub.Predict, _request("nothing", x=x))
    assert status is StatusCode.NOT_FOUND
    assert text.startswith("Servable not found for request: Latest(nothing)")
    status, text = _refused(stub.Predict, predict_pb2.PredictRequest())
    assert status is StatusCode.INVALID_ARGUMENT
    assert text.startswith("Missing ModelSpec")
    status, text = _refused(stub.Predict, _request("half_plus", "other", x=x))
    assert status is StatusCode.FAILED_PRECONDITION
    assert text.startswith('Serving signature key "other" not found')
    status, text = _refused(stub.Predict, _request("half_plus", z=x))
    assert status is StatusCode.INVALID_ARGUMENT
    assert text.startswith("input size does not match signature: 1!=1 len({z}) != len({x}). ")
    assert "Sent extra: {z}. Missing but required: {x}." in text


def test_wrong_tensors_are_explained(stub: Any) -> None:
    status, text = _refused(stub.Predict, _request("half_plus", x=np.ones((1, 1), np.int32)))
    assert status is StatusCode.INVALID_ARGUMENT
    assert "'x' is float32" in text
    assert "got int32 [1, 1]" in text
    status, text = _refused(stub.Predict, _request("half_plus", x=np.ones((1, 1), np.complex64)))
    assert status is StatusCode.UNIMPLEMENTED
    assert "DT_COMPLEX64" in text
    request = _request("half_plus", x=np.ones((1, 1), np.float32))
    request.inputs["x"].tensor_shape.dim[0].size = 2**40
    status, text = _refused(stub.Predict, request)
    assert status is StatusCode.INVALID_ARGUMENT
    assert "MAX_BODY_BYTES=4000000" in text


def test_examples_are_classified(stub: Any) -> None:
    request = classification_pb2.ClassificationRequest()
    request.model_spec.name, request.model_spec.signature_name = "half_plus", "classify_x_to_y"
    request.input.example_list.examples.extend([_example(x=2), _example(x=20)])
    answer = stub.Classify(request)
    rows = [
        [(each.label, each.score) for each in row.classes] for row in answer.result.classifications
    ]
    assert rows == [[("half plus", 3.0)], [("half plus", 12.0)]]
    assert answer.model_spec.version.value == 123
    request.model_spec.signature_name = "classify_scores"
    [one, _] = stub.Classify(request).result.classifications
    assert [(each.label, each.score) for each in one.classes] == [("", 3.0)]


def test_examples_are_regressed_in_their_context(stub: Any) -> None:
    request = regression_pb2.RegressionRequest()
    request.model_spec.name, request.model_spec.signature_name = "half_plus", "regress_x_to_y"
    request.input.example_list.examples.extend([_example(x=2), _example(x=20)])
    assert [each.value for each in stub.Regress(request).result.regressions] == [3.0, 12.0]
    request.model_spec.signature_name = "regress_x2_to_y3"
    within = request.input.example_list_with_context
    within.context.CopyFrom(_example(x2=4, x=0))
    within.examples.extend([_example(x=1), _example(x2=10)])
    assert [each.value for each in stub.Regress(request).result.regressions] == [5.0, 8.0]


def test_signatures_that_take_no_examples_say_so(stub: Any) -> None:
    request = regression_pb2.RegressionRequest()
    request.model_spec.name = "half_plus"
    assert _refused(stub.Regress, request) == (StatusCode.INVALID_ARGUMENT, "Input is empty.")
    request.input.example_list.examples.append(_example(x=2))
    status, text = _refused(stub.Regress, request)
    assert status is StatusCode.INVALID_ARGUMENT
    assert text.startswith("No regression inputs found in SignatureDef: ")


def test_signatures_are_described(stub: Any, grpc_server: Server) -> None:
    request = get_model_metadata_pb2.GetModelMetadataRequest()
    request.model_spec.name = "half_plus"
    status, text = _refused(stub.GetModelMetadata, request)
    assert status is StatusCode.INVALID_ARGUMENT
    assert text.startswith("GetModelMetadataRequest must specify at least one metadata_field")
    request.metadata_field.append("graph")
    assert _refused(stub.GetModelMetadata, request)[1] == "Metadata field graph is not supported"
    request.metadata_field[0] = "signature_def"
    answer = stub.GetModelMetadata(request)
    assert answer.model_spec.version.value == 123
    described = get_model_metadata_pb2.SignatureDefMap()
    assert answer.metadata["signature_def"].Unpack(described), "its type is not TensorFlow's own"
    x = described.signature_def["serving_default"].inputs["x"]
    assert (x.dtype, [dim.size for dim in x.tensor_shape.dim]) == (1, [-1, 1])
    over_http = grpc_server.client.get("/v1/models/half_plus/metadata").json()["metadata"]
    for name, signature in over_http["signature_def"]["signature_def"].items():
        assert described.signature_def[name].method_name == signature["method_name"]
        for tensor, info in signature["inputs"].items():
            ours = described.signature_def[name].inputs[tensor]
            assert (ours.name, MessageToDict(ours)["dtype"]) == (info["name"], info["dtype"])


def test_states_of_versions(channel: grpc.Channel) -> None:
    stub = model_service_pb2_grpc.ModelServiceStub(channel)
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = "half_plus"
    [status] = stub.GetModelStatus(request).model_version_status
    available = get_model_status_pb2.ModelVersionStatus.AVAILABLE
    assert (status.version, status.state, status.status.error_code) == (123, available, 0)
    request.model_spec.version_label = "stable"
    assert stub.GetModelStatus(request).model_version_status == [status]
    request.model_spec.version.value = 5
    assert _refused(stub.GetModelStatus, request) == (
        StatusCode.NOT_FOUND,
        "Could not find version 5 of model half_plus",
    )
    request.model_spec.name = "nothing"
    request.model_spec.ClearField("version")
    status_code, text = _refused(stub.GetModelStatus, request)
    assert status_code is StatusCode.NOT_FOUND
    assert text == "Could not find any versions of model nothing"
