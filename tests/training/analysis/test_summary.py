"""A summary sees every layer, inside others too, and counts what the papers count."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import pytest
from keras import layers

from training import catalogue
from training.analysis.summary import Part, Summary, summarize, weightless
from training.layers.basic_block import BasicBlock
from training.layers.multi_head_attention import MultiHeadAttention


def _of(build: Callable[..., object], shape: tuple[int | None, ...], *, length: int = 7) -> Summary:
    inputs = keras.Input(shape, name="inputs")
    return summarize(keras.Model(inputs, build(inputs)), length=length)


def _variant(architecture: str, variant: str) -> Summary:
    module = catalogue.module("architecture", architecture)
    model = weightless(lambda: module.build(**module.VARIANTS[variant]))
    return summarize(model, length=1)


def test_lenet5_by_hand() -> None:
    summary = _variant("lenet5", "modern")
    counts = {part.name: (part.parameters, part.flops) for part in summary.whole.parts}
    assert counts["c1"] == (6 * 26, 2 * 28 * 28 * 6 * 25)
    assert counts["c3"] == (16 * 151, 2 * 10 * 10 * 16 * 25 * 6)
    assert counts["c5"] == (120 * 401, 2 * 120 * 400)
    assert counts["logits"] == (10 * 85, 2 * 10 * 84)
    assert counts["s2"] == (0, 0)
    assert summary.trainable == summary.whole.parameters == 61_706
    assert summary.whole.flops == 833_040


@pytest.mark.parametrize(
    ("architecture", "variant", "multiply_adds"),
    [
        ("vgg", "16", 15_470_264_320),  # 15.47 G everywhere
        ("alexnet", "one-tower", 1_135_256_096),  # 1.1 G
        ("alexnet", "two-towers", 724_406_816),  # 0.7 G: C2, C4 and C5 see half of the maps
        ("resnet", "50", 3_857_973_248),  # He's 3.8 G: his strides are in the 1×1 convolutions
    ],
)
def test_known_sizes(architecture: str, variant: str, multiply_adds: int) -> None:
    assert _variant(architecture, variant).whole.flops == 2 * multiply_adds


def test_layers_inside_layers_are_seen_and_summed_up() -> None:
    summary = _of(BasicBlock(4, name="block"), (8, 8, 4))
    rows = [(level, part.name, part.flops) for level, part in summary.whole.walk(2)]
    assert rows[0] == (0, "block", 4 * 64 * 4 * 36)
    assert (1, "conv_1", 2 * 64 * 4 * 36) in rows
    assert (1, "conv_2", 2 * 64 * 4 * 36) in rows
    assert [part.name for _, part in summary.whole.walk(1)] == ["block"]


def test_attention_by_hand_over_a_length_that_is_given() -> None:
    summary = _of(lambda x: MultiHeadAttention(3, name="attention")(x, x), (None, 12), length=7)
    projections, products = 4 * 2 * 7 * 12 * 12, 2 * 2 * 7 * 7 * 12
    assert summary.inputs == {"inputs": (1, 7, 12)}
    assert summary.whole.flops == projections + products
    (attention,) = summary.whole.parts
    assert attention.output_shapes[0] == (1, 7, 12)


def test_a_grouped_convolution_that_keras_compiles_is_seen() -> None:
    summary = _of(layers.Conv2D(6, 3, padding="same", groups=2), (8, 8, 4))
    assert summary.whole.flops == 2 * 64 * 6 * 18


def test_a_layer_called_twice_has_the_flops_of_both_and_its_parameters_once() -> None:
    dense = layers.Dense(5, name="dense")
    summary = _of(lambda x: dense(dense(x)), (5,))
    (part,) = summary.whole.parts
    assert (part.name, part.flops, part.parameters) == ("dense", 2 * 2 * 25, 30)
    assert summary.trainable == 30


def test_operations_between_layers_are_counted_where_they_are() -> None:
    summary = _of(lambda x: keras.ops.matmul(x, keras.ops.transpose(x, (0, 2, 1))), (3, 4))
    parts = {part.kind: part.flops for part in summary.whole.parts}
    assert parts == {"Transpose": 0, "Matmul": 2 * 3 * 3 * 4}


def test_a_model_with_weights_keeps_them_and_keras_its_ways() -> None:
    model = keras.Sequential([keras.Input((3,)), layers.Dense(2), layers.BatchNormalization()])
    before, call = model.get_weights(), keras.Operation.__call__
    summary = summarize(model, length=1)
    assert (summary.trainable, summary.frozen) == (8 + 4, 4)
    assert keras.Operation.__call__ is call
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert model(np.ones((1, 3))).shape == (1, 2)


def test_two_inputs_of_a_dictionary_go_where_they_belong() -> None:
    inputs = {"a": keras.Input((3,), name="a"), "b": keras.Input((5,), name="b")}
    outputs = layers.Dense(1)(inputs["a"]) + layers.Dense(1)(inputs["b"])
    summary = summarize(keras.Model(inputs, outputs), length=1)
    assert sorted(part.flops for part in summary.whole.parts if part.flops) == [6, 10]
    assert summary.inputs == {"a": (1, 3), "b": (1, 5)}


def test_a_part_walks_no_deeper_than_it_is_asked_to() -> None:
    inner = Part("inner", "Dense", 0)
    whole = Part("whole", "Model", 0, parts=[Part("outer", "Block", 0, parts=[inner])])
    assert [part.name for _, part in whole.walk(1)] == ["outer"]
    assert [(level, part.name) for level, part in whole.walk(9)] == [(0, "outer"), (1, "inner")]
