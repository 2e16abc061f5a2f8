"""A partial convolution sees the maps that its table names, and no other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from keras import ops

from tests.training.layer_checks import check_layer
from training.layers.partial_conv_2d import PartialConv2D

RANDOM = np.random.default_rng(0)
TABLE = [[0, 1], [2], [2, 0]]


def test_it_is_a_layer() -> None:
    check_layer(lambda: PartialConv2D(TABLE, 3), RANDOM.normal(size=(2, 5, 6, 3)).astype("float32"))


def test_it_is_the_sum_over_the_maps_that_the_table_names() -> None:
    images = RANDOM.normal(size=(2, 6, 7, 3)).astype(np.float32)
    layer = PartialConv2D(TABLE, 3)
    layer(images)
    kernel, bias = RANDOM.normal(size=(3, 3, 5)), RANDOM.normal(size=3)
    layer.set_weights([kernel, bias])
    expected = np.empty((2, 4, 5, 3))
    kernels = iter(np.moveaxis(kernel, -1, 0))
    for index, row in enumerate(TABLE):
        parts = [
            np.asarray(ops.conv(images[..., [c]], next(kernels)[..., None, None].astype("float32")))
            for c in row
        ]
        expected[..., index] = np.sum(parts, axis=0)[..., 0] + bias[index]
    np.testing.assert_allclose(layer(images), expected, rtol=1e-4, atol=1e-5)


def test_only_named_kernels_exist() -> None:
    layer = PartialConv2D(TABLE, 5)
    layer.build((None, 14, 14, 4))
    assert layer.count_params() == 5 * 5 * 5 + 3


@pytest.mark.parametrize(
    ("table", "size", "sentence"),
    [
        ([], 3, r"at least one map in every row; received \[\]"),
        ([[0], []], 3, r"at least one map in every row"),
        ([[0, 0]], 3, r"different indices of at least 0; received \[\[0, 0\]\]"),
        ([[-1]], 3, r"different indices of at least 0"),
        ([[0]], 0, "kernel_size must be at least 1; received 0"),
    ],
)
def test_what_cannot_be_is_refused(table: Any, size: int, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        PartialConv2D(table, size)


def test_a_map_that_the_input_lacks_is_refused() -> None:
    with pytest.raises(ValueError, match=r"C above 2, .* received the shape \(None, 8, 8, 2\)"):
        PartialConv2D(TABLE, 3).build((None, 8, 8, 2))
