"""Vectors in fewer bytes: what is kept of them, and what a database is to make of them."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from service.engine.output_dtype import OutputDtype, convert


@pytest.fixture(scope="module")
def rows() -> NDArray[np.float32]:
    rows = np.random.default_rng(0).normal(size=(200, 384)).astype(np.float32)
    unit: NDArray[np.float32] = rows / np.linalg.norm(rows, axis=-1, keepdims=True)
    return unit


def test_float32_is_as_the_model_gave_it(rows: NDArray[np.float32]) -> None:
    kept, scales = convert(rows, "float32")
    assert kept.dtype == np.float32
    assert scales is None
    np.testing.assert_array_equal(kept, rows)


@pytest.mark.parametrize(("dtype", "least"), [("float16", 0.9999999), ("int8", 0.9999)])
def test_the_direction_is_kept(rows: NDArray[np.float32], dtype: OutputDtype, least: float) -> None:
    kept = convert(rows, dtype).rows
    assert kept.dtype == np.dtype(dtype)
    wide = kept.astype(np.float64)
    cosines = (wide * rows).sum(-1) / np.linalg.norm(wide, axis=-1)
    assert cosines.min() > least


def test_int8_fills_its_range_and_its_scale_brings_the_numbers_back(
    rows: NDArray[np.float32],
) -> None:
    kept, scales = convert(rows, "int8")
    assert scales is not None
    assert scales.dtype == np.float32
    assert (np.abs(kept.astype(int)).max(axis=-1) == 127).all()
    back = kept * scales[:, np.newaxis]
    assert np.abs(back - rows).max() <= scales.max() / 2 + 1e-7


def test_binary_has_the_signs_the_first_in_the_highest_bit() -> None:
    row = np.array([[1, -1, 0, 2, -3, -4, 5, 6, 7, -8]], np.float32)
    kept = convert(row, "binary").rows
    assert kept.dtype == np.uint8
    np.testing.assert_array_equal(kept, [[0b10010011, 0b10000000]])


def test_near_vectors_differ_in_few_bits(rows: NDArray[np.float32]) -> None:
    noise = np.random.default_rng(1).normal(size=rows.shape).astype(np.float32)
    near = rows + 0.2 * noise / np.linalg.norm(noise, axis=-1, keepdims=True)
    bits, theirs = convert(rows, "binary").rows, convert(near, "binary").rows
    distances = np.bitwise_count(bits[:, np.newaxis] ^ theirs).sum(-1)
    np.testing.assert_array_equal(distances.argmin(-1), np.arange(len(rows)))


def test_a_vector_of_zeros_is_still_one_in_every_type() -> None:
    zeros = np.zeros((1, 8), np.float32)
    for dtype in ("float32", "float16", "int8", "binary"):
        kept, scales = convert(zeros, dtype)
        assert not kept.any()
        assert scales is None or scales.tolist() == [0]
