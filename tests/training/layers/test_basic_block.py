"""The basic block is the paper's, in its first form and its second, with either shortcut."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from tests.training.layer_checks import check_layer
from training.layers.basic_block import BasicBlock, Shortcut

RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize("preactivation", [False, True])
@pytest.mark.parametrize("shortcut", ["padding", "projection"])
def test_it_is_a_layer(shortcut: Shortcut, preactivation: bool) -> None:
    images = RANDOM.normal(size=(2, 4, 5, 3)).astype(np.float32)
    check_layer(
        lambda: BasicBlock(5, strides=2, shortcut=shortcut, preactivation=preactivation), images
    )


@pytest.mark.parametrize("preactivation", [False, True])
def test_it_is_the_papers_formula(preactivation: bool) -> None:
    images = RANDOM.normal(size=(2, 4, 5, 3)).astype(np.float32)
    block = BasicBlock(3, preactivation=preactivation)
    block(images)
    conv_1, norm_1, conv_2, norm_2 = block.conv_1, block.norm_1, block.conv_2, block.norm_2
    relu = keras.ops.relu
    if preactivation:
        expected = images + conv_2(relu(norm_2(conv_1(relu(norm_1(images))))))
    else:
        expected = relu(images + norm_2(conv_2(relu(norm_1(conv_1(images))))))
    np.testing.assert_allclose(block(images), expected, rtol=1e-5, atol=1e-6)


def test_a_padding_shortcut_has_no_weights_and_adds_channels_of_zeros() -> None:
    images = RANDOM.uniform(size=(1, 4, 4, 3)).astype(np.float32)
    block = BasicBlock(6, strides=2)
    block(images)
    block.norm_2.gamma.assign(np.zeros(6))  # nothing comes of the branch
    found = np.asarray(block(images))
    np.testing.assert_allclose(found[..., 1:4], images[:, ::2, ::2], rtol=1e-6)
    assert not found[..., [0, 4, 5]].any()
    assert len(block.trainable_weights) == 6


@pytest.mark.parametrize("shortcut", ["padding", "projection"])
def test_where_the_shape_stays_both_shortcuts_are_the_identity(shortcut: Shortcut) -> None:
    block = BasicBlock(3, shortcut=shortcut)
    block.build((None, 4, 4, 3))
    assert block.count_params() == 2 * 9 * 3 * 3 + 2 * 4 * 3


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"filters": 0}, "filters and strides must be at least 1; received 0 and 1"),
        ({"filters": 1, "strides": 0}, "filters and strides must be at least 1; received 1 and 0"),
        ({"filters": 1, "shortcut": "none"}, "shortcut must be one of .*; received 'none'"),
    ],
)
def test_what_cannot_be_is_refused(arguments: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        BasicBlock(**arguments)


def test_padding_takes_no_channels_away() -> None:
    with pytest.raises(ValueError, match="received 4 for 3 filters: take shortcut='projection'"):
        BasicBlock(3).build((None, 4, 4, 4))
