"""Triton's classification extension: an output's best classes instead of its numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.codecs import datatypes
from service.errors import InvalidInput
from service.manifest import TensorSpec


def best(
    array: NDArray[Any], spec: TensorSpec, count: int, labels: Sequence[str] | None
) -> NDArray[Any]:
    """The `count` largest numbers of each row as BYTES `value:index[:label]`, the largest first.

    Where the output's first size is open it counts rows, and the answer is (rows, classes);
    elsewhere the whole output is one row, and the answer (classes,).

    Raises:
        InvalidInput: the output holds strings.
    """
    if array.dtype.kind not in "iufbV":
        raise InvalidInput("the classes of an output of strings cannot be told: leave it out")
    has_rows = array.ndim > 0 and spec.shape is not None and spec.shape[0] is None
    width = math.prod(array.shape[1:] if has_rows else array.shape)
    rows = array.reshape(len(array) if has_rows else 1, width)
    named = labels if labels is not None and rows.shape[1] == len(labels) else None
    # Ties in the order of their indices; what is no number comes last.
    order = np.argsort(-rows.astype(np.float64), axis=1, kind="stable")[:, :count]
    said = [_said(row, indices, named) for row, indices in zip(rows, order.tolist(), strict=True)]
    shape = [len(rows), order.shape[1]] if has_rows else [order.shape[1]]
    return datatypes.strings([each for row in said for each in row], shape)


def _said(row: NDArray[Any], indices: Sequence[int], labels: Sequence[str] | None) -> list[bytes]:
    is_whole = row.dtype.kind in "iub"
    values = [f"{int(row[i])}" if is_whole else f"{float(row[i]):.6f}" for i in indices]
    ends = ["" if labels is None else f":{labels[i]}" for i in indices]
    return [
        f"{value}:{index}{end}".encode()
        for value, index, end in zip(values, indices, ends, strict=True)
    ]
