"""FLOPs of single operations, against numbers computed by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from training.analysis.flops import flops
from training.errors import TrainingError


def _count(compute: Callable[..., Any], *shapes: tuple[int, ...]) -> int:
    with tf.Graph().as_default() as graph:
        compute(*(tf.compat.v1.placeholder(tf.float32, shape) for shape in shapes))
        return sum(flops(operation) for operation in graph.get_operations())


@pytest.mark.parametrize(
    ("compute", "shapes", "expected"),
    [
        # every of 4·5 outputs sums 3 products
        (tf.matmul, [(4, 3), (3, 5)], 2 * 4 * 5 * 3),
        (lambda a, b: tf.matmul(a, b, transpose_a=True), [(3, 4), (3, 5)], 2 * 4 * 5 * 3),
        (lambda a, b: tf.matmul(a, b, transpose_b=True), [(4, 3), (5, 3)], 2 * 4 * 5 * 3),
        (tf.matmul, [(2, 7, 4, 3), (2, 7, 3, 5)], 2 * 2 * 7 * 4 * 5 * 3),
        (lambda a, b: tf.matmul(a, b, transpose_a=True), [(7, 3, 4), (7, 3, 5)], 2 * 7 * 60),
        (lambda a, b: tf.einsum("bthd,bshd->bhts", a, b), [(2, 5, 3, 4), (2, 6, 3, 4)], 1440),
        (lambda a, b: tf.einsum("...ik,kj->...ij", a, b), [(2, 7, 4, 3), (3, 5)], 1680),
        # 8×8 places, 6 maps, windows of 3×3×2; then every second place
        (lambda x, k: tf.nn.conv2d(x, k, 1, "SAME"), [(1, 8, 8, 2), (3, 3, 2, 6)], 2 * 384 * 18),
        (lambda x, k: tf.nn.conv2d(x, k, 2, "SAME"), [(1, 8, 8, 2), (3, 3, 2, 6)], 2 * 96 * 18),
        # in 2 groups a window is as deep as a group
        (lambda x, k: tf.nn.conv2d(x, k, 1, "SAME"), [(1, 8, 8, 4), (3, 3, 2, 6)], 2 * 384 * 18),
        # 2 maps for each of 3 channels, windows of 3×3×1
        (
            lambda x, k: tf.nn.depthwise_conv2d(x, k, [1, 1, 1, 1], "SAME"),
            [(1, 8, 8, 3), (3, 3, 3, 2)],
            2 * 64 * 6 * 9,
        ),
        # each of 4·4·3 pixels goes into 2×2 places of 5 maps
        (
            lambda x, k: tf.nn.conv2d_transpose(x, k, (1, 8, 8, 5), 2, "SAME"),
            [(1, 4, 4, 3), (2, 2, 5, 3)],
            2 * 48 * 20,
        ),
        (lambda x: tf.nn.relu(x) + 1, [(4, 4)], 0),
        (lambda x: tf.einsum("ij->ji", x), [(4, 5)], 0),
    ],
)
def test_an_operation_has_the_flops_of_its_formula(
    compute: Callable[..., Any], shapes: list[tuple[int, ...]], expected: int
) -> None:
    assert _count(compute, *shapes) == expected


def test_a_loop_around_products_is_refused_for_nobody_knows_how_often_it_runs() -> None:
    def power(matrix: Any) -> Any:
        body = tf.function(lambda step, whole: (step + 1, whole @ matrix))
        return tf.while_loop(lambda step, _: step < 9, body, (tf.constant(0), matrix))

    with pytest.raises(TrainingError, match=r"MatMul in a loop or call, .*unroll it"):
        _count(power, (3, 3))


def test_a_loop_around_sums_counts_nothing() -> None:
    def grow(vector: Any) -> Any:
        return tf.while_loop(lambda x: x[0] < 9, lambda x: (x + np.float32(1),), (vector,))

    assert _count(grow, (3,)) == 0
