"""Recorded requests are replayed before a version answers; a broken file is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from service.errors import InvalidExport
from service.loading import warmup
from service.manifest import Signature, TensorSpec
from service.runtimes import Tensors
from tests.exports_foreign import predict_log, write_warmup

SIGNATURES = {
    "first": Signature(
        task="infer",
        inputs={"x": TensorSpec(dtype="float32", shape=(None,))},
        outputs={"y": TensorSpec(dtype="float32", shape=(None,))},
    ),
    "examples": Signature(
        task="infer",
        inputs={"inputs": TensorSpec(dtype="string", shape=(None,))},
        outputs={"outputs": TensorSpec(dtype="float32", shape=(None,))},
    ),
}


class Calls:
    """A program that notes what it is asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []

    @property
    def program(self) -> dict[str, Any]:
        def function(name: str) -> Any:
            def call(inputs: Tensors) -> Tensors:
                self.asked.append((name, {key: each.tolist() for key, each in inputs.items()}))
                return {}

            return call

        return {name: function(name) for name in SIGNATURES}


@pytest.fixture
def calls() -> Calls:
    return Calls()


def example_log(context: bool) -> prediction_log_pb2.PredictionLog:
    log = prediction_log_pb2.PredictionLog()
    request = log.classify_log.request if context else log.regress_log.request
    request.model_spec.signature_name = "examples"
    example = tf.train.Example(
        features=tf.train.Features(
            feature={"x": tf.train.Feature(float_list=tf.train.FloatList(value=[1.5]))}
        )
    ).SerializeToString()
    if context:
        request.input.example_list_with_context.context.MergeFromString(example)
        request.input.example_list_with_context.examples.add()
    else:
        request.input.example_list.examples.add().MergeFromString(example)
    return log


def test_requests_of_every_kind_are_replayed(tmp_path: Path, calls: Calls) -> None:
    logs = [
        predict_log(x=np.array([1, 2], np.float32)),
        predict_log("serving_default", x=np.array([3], np.float32)),
        example_log(context=True),
        example_log(context=False),
        prediction_log_pb2.PredictionLog(),
    ]
    write_warmup(tmp_path, *logs)
    assert warmup.replay(tmp_path, calls.program, SIGNATURES) == 5
    assert [name for name, _ in calls.asked] == ["first", "first", "examples", "examples"]
    assert calls.asked[0][1] == {"x": [1, 2]}
    for _, inputs in calls.asked[2:]:
        [example] = inputs["inputs"]
        feature = tf.train.Example.FromString(example).features.feature["x"]
        assert feature.float_list.value == [1.5]


def test_without_the_file_nothing_is_replayed(tmp_path: Path, calls: Calls) -> None:
    assert warmup.replay(tmp_path, calls.program, SIGNATURES) == 0


def session_log() -> prediction_log_pb2.PredictionLog:
    log = prediction_log_pb2.PredictionLog()
    log.session_run_log.SetInParent()
    return log


@pytest.mark.parametrize(
    ("logs", "reason"),
    [
        ([predict_log("other")], "record 0: there is no signature 'other'; there are: first, ex"),
        ([predict_log(x=np.array([1], np.float32)), session_log()], "record 1: .*SessionRun"),
        ([predict_log(x=np.array([1], np.complex64))], "record 0: a tensor has type 8"),
        ([predict_log()] * 1001, "record 1000: there are more than 1000 records"),
    ],
)
def test_requests_that_cannot_be_replayed_are_told(
    tmp_path: Path, calls: Calls, logs: list[Any], reason: str
) -> None:
    write_warmup(tmp_path, *logs)
    with pytest.raises(InvalidExport, match=reason) as caught:
        warmup.replay(tmp_path, calls.program, SIGNATURES)
    assert "remove the file" in caught.value.message


@pytest.mark.parametrize("size", [5, 13, -3])
def test_a_file_that_is_cut_off_is_told(tmp_path: Path, calls: Calls, size: int) -> None:
    path = write_warmup(tmp_path, predict_log(x=np.array([1], np.float32)))
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(InvalidExport, match="the file is cut off"):
        warmup.replay(tmp_path, calls.program, SIGNATURES)


def test_a_file_that_holds_no_records_is_told(tmp_path: Path, calls: Calls) -> None:
    path = write_warmup(tmp_path)
    path.write_bytes(b"these are no records, but text")
    with pytest.raises(InvalidExport, match="the checksum of its length is wrong"):
        warmup.replay(tmp_path, calls.program, SIGNATURES)
