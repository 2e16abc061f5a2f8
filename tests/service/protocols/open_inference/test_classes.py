"""The best classes of an output, as Triton's clients parse them: value:index[:label]."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from service.errors import InvalidInput
from service.manifest import TensorSpec
from service.protocols.open_inference.classes import best

ROWS = TensorSpec(dtype="float32", shape=(None, 3))


def test_each_row_has_its_own_with_labels() -> None:
    scores = np.array([[0.1, 0.2, 0.7], [0.5, 0.25, 0.25]], np.float32)
    said = best(scores, ROWS, 2, ["a", "b", "c"])
    assert said.tolist() == [
        [b"0.700000:2:c", b"0.200000:1:b"],
        [b"0.500000:0:a", b"0.250000:1:b"],
    ]


def test_an_output_without_rows_is_one() -> None:
    spec = TensorSpec(dtype="int32", shape=(4,))
    assert best(np.array([3, -1, 9, 3], np.int32), spec, 3, None).tolist() == [
        b"9:2",
        b"3:0",
        b"3:3",
    ]


def test_more_than_there_are_is_all_of_them() -> None:
    said = best(np.array([[1, np.nan, 2]], np.float32), ROWS, 99, None)
    assert said.tolist() == [[b"2.000000:2", b"1.000000:0", b"nan:1"]]


@pytest.mark.parametrize("labels", [["a", "b"], None])
def test_labels_that_do_not_fit_are_not_given(labels: Any) -> None:
    assert best(np.ones((1, 3), np.uint8), ROWS, 1, labels).tolist() == [[b"1:0"]]


def test_no_rows_have_no_classes() -> None:
    assert best(np.zeros((0, 3), np.float32), ROWS, 2, None).shape == (0, 2)


def test_strings_have_none() -> None:
    with pytest.raises(InvalidInput, match="strings"):
        best(np.array([[b"a"]], object), ROWS, 1, None)
