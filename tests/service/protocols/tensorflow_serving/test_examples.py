"""JSON objects as `tf.train.Example`s: the messages that TensorFlow itself would read."""

from __future__ import annotations

import json
from typing import Any

import pytest
import tensorflow as tf

from service.errors import InvalidInput
from service.protocols.tensorflow_serving.examples import read_examples, serialized
from service.protocols.tensorflow_serving.request import Document


def examples(body: dict[str, Any], rest: bytes = b"") -> list[tf.train.Example]:
    document = Document.read(json.dumps(body).encode() + rest)
    return [tf.train.Example.FromString(serialized(each)) for each in read_examples(document)]


def features(**features: Any) -> tf.train.Example:
    return tf.train.Example(
        features=tf.train.Features(
            feature={
                name: tf.train.Feature(**{kind: kinds}) for name, (kind, kinds) in features.items()
            }
        )
    )


INT64, FLOAT, BYTES = tf.train.Int64List, tf.train.FloatList, tf.train.BytesList


@pytest.mark.parametrize("rest", [b"", b" and more"])
@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        (7, "int64_list", INT64(value=[7])),
        ([-1, 2**63 - 1, -(2**63)], "int64_list", INT64(value=[-1, 2**63 - 1, -(2**63)])),
        ([True, False, 300], "int64_list", INT64(value=[1, 0, 300])),
        (0.5, "float_list", FLOAT(value=[0.5])),
        ([1.0, -2.25], "float_list", FLOAT(value=[1.0, -2.25])),
        ("é", "bytes_list", BYTES(value=["é".encode()])),
        (["a", {"b64": "AP8="}], "bytes_list", BYTES(value=[b"a", b"\x00\xff"])),
    ],
)
def test_features_are_of_the_kind_of_their_values(
    value: Any, kind: str, expected: Any, rest: bytes
) -> None:
    assert examples({"examples": [{"x": value}]}, rest) == [features(x=(kind, expected))]


def test_a_feature_may_be_empty_and_an_example_too() -> None:
    empty = tf.train.Example(features=tf.train.Features(feature={"x": tf.train.Feature()}))
    assert examples({"examples": [{"x": []}]}) == [empty]
    assert not examples({"examples": [{}]})[0].features.feature


def test_the_context_is_part_of_each_example_which_may_say_otherwise() -> None:
    body = {"context": {"c": 1, "x": 2}, "examples": [{"x": 3}, {"y": 4}]}
    one, two, three, four = (INT64(value=[number]) for number in (1, 2, 3, 4))
    assert examples(body) == [
        features(c=("int64_list", one), x=("int64_list", three)),
        features(c=("int64_list", one), x=("int64_list", two), y=("int64_list", four)),
    ]


def test_long_features_have_long_lengths() -> None:
    values = list(range(-100_000, 100_000, 7))
    [example] = examples({"examples": [{"x": values, "text": "a" * 70_000}]})
    assert example.features.feature["x"].int64_list.value == values
    assert example.features.feature["text"].bytes_list.value == [b"a" * 70_000]


@pytest.mark.parametrize(
    "value", [None, [1, 2.0], ["a", 1], {"a": 1}, {"b64": "?"}, [[1]], 2**63, -(2**63) - 1]
)
def test_values_that_no_feature_holds_are_refused(value: Any) -> None:
    with pytest.raises(InvalidInput):
        examples({"examples": [{"x": value}]})


def test_a_feature_of_half_a_character_is_refused() -> None:
    with pytest.raises(InvalidInput, match="half a character"):
        examples({"examples": [{"\ud800": 1}]})
