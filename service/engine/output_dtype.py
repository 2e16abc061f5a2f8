"""Vectors in fewer bytes, for databases that hold millions of them."""

from __future__ import annotations

from typing import Any, Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

OutputDtype = Literal["float32", "float16", "int8", "binary"]
"""The numbers that vectors are given in.

- `float32`: as the model gives them, 4 bytes a dimension.
- `float16`: rounded to half precision, 2 bytes.
- `int8`: from -127 to 127, 1 byte: each vector is divided by its `scale`, a 127th of its largest
  absolute value, and rounded. Cosines need no scale; products need both.
- `binary`: 1 bit, 1 where the number is greater than 0; eight dimensions in a uint8, the first of
  them in its highest bit, zeros filling the last. They are compared by Hamming distance.
"""

_LARGEST: Final = 127


class Converted(NamedTuple):
    """Vectors of another type."""

    rows: NDArray[Any]
    """(N, D) of the type; `binary` is uint8 (N, ⌈D / 8⌉)."""
    scales: NDArray[np.float32] | None = None
    """(N,), what `int8` rows are multiplied by to be near the float32; None for other types."""


def convert(rows: NDArray[np.float32], dtype: OutputDtype) -> Converted:
    """Vectors, float32 (N, D), in the numbers of `dtype`."""
    if dtype == "float32":
        return Converted(rows)
    if dtype == "float16":
        return Converted(rows.astype(np.float16))
    if dtype == "binary":
        return Converted(np.packbits(rows > 0, axis=-1, bitorder="big"))
    scales = np.abs(rows).max(axis=-1) / np.float32(_LARGEST)
    divisors = np.where(scales == 0, np.float32(1), scales)[:, np.newaxis]
    # The quotient of the largest may round to a hair more than 127.
    whole = np.rint(rows / divisors).clip(-_LARGEST, _LARGEST)
    return Converted(whole.astype(np.int8), scales.astype(np.float32))
