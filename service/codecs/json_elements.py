"""JSON strings, numbers and bools as the elements of a tensor, each looked at on its own.

The messages are TensorFlow Serving's.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from service.codecs.datatypes import numpy_dtype
from service.codecs.json_text import is_base64, kind, shown
from service.errors import InvalidInput
from service.manifest import DType

OVERFLOWS: Final = {
    "float16": 65520.0,
    "bfloat16": 3.3961775292304957e38,
    "float32": 3.4028235677973366e38,
    "float64": math.inf,
}
"""The least number that would be rounded to infinity."""
_TF_NAMES: Final[dict[DType, str]] = {"float16": "half", "float32": "float", "float64": "double"}


def tensorflow_name(dtype: DType) -> str:
    """What TensorFlow calls a type: `float32` is `float`."""
    return _TF_NAMES.get(dtype, dtype)


def elements_of(values: Sequence[Any], dtype: DType, *, to_infinity: bool) -> NDArray[Any]:
    """An array of one axis of parsed values that are no lists.

    Decimals too large for the type become infinite with `to_infinity`, as TensorFlow Serving has
    it; else they are refused.

    Raises:
        InvalidInput: a value is not of the type; says which.
    """
    wanted = numpy_dtype(dtype)
    array = np.empty(len(values), np.float64 if dtype in OVERFLOWS else wanted)
    if dtype in OVERFLOWS and set(map(type, values)) <= {float}:
        array[:] = values
        is_large = np.isfinite(array) & (np.abs(array) >= OVERFLOWS[dtype])
        if to_infinity or not is_large.any():
            return narrowed(array, wanted)
    convert = _conversion(dtype, to_infinity)
    for index, value in enumerate(values):
        array[index] = convert(value)
    return narrowed(array, wanted)


def narrowed(array: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """The array in another type; what is too large for it becomes infinite."""
    with np.errstate(over="ignore"):
        return array.astype(dtype, copy=False)


def _conversion(dtype: DType, to_infinity: bool) -> Callable[[Any], Any]:
    if dtype == "string":
        return _string
    if dtype == "bool":
        return _bool
    if dtype in OVERFLOWS:
        return partial(_decimal, dtype=dtype, to_infinity=to_infinity)
    limits = np.iinfo(numpy_dtype(dtype))
    return partial(_integer, dtype=dtype, limits=range(int(limits.min), int(limits.max) + 1))


def _string(value: Any) -> bytes:
    if is_base64(value):
        text = value["b64"]
        try:
            plain = text.encode("ascii").translate(None, b" \t\r\n").rstrip(b"=")
            return base64.b64decode(plain + b"=" * (-len(plain) % 4), validate=True)
        except ValueError:
            raise InvalidInput(f"Unable to base64 decode {shown(text)}") from None
    if not isinstance(value, str):
        if kind(value) == "Object":
            raise InvalidInput(
                f"JSON Value: {shown(value)} not formatted correctly for base64 data"
            )
        raise _mismatch(value, "string")
    try:
        return value.encode()
    except UnicodeEncodeError:
        raise InvalidInput(f"JSON Value: {shown(value)} is not UTF-8: send it as b64") from None


def _bool(value: Any) -> bool:
    if not isinstance(value, bool):
        raise _mismatch(value, "bool")
    return value


def _integer(value: Any, dtype: DType, limits: range) -> int:
    if type(value) is not int or value not in limits:
        raise _mismatch(value, dtype)
    return value


def _decimal(value: Any, dtype: DType, to_infinity: bool) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _mismatch(value, dtype)
    try:
        number = float(value)
        is_taken = to_infinity or not (math.isfinite(number) and abs(number) >= OVERFLOWS[dtype])
    except OverflowError:  # an integer of hundreds of digits, which TensorFlow Serving refuses too
        is_taken = False
    if not is_taken:
        raise InvalidInput(
            f"Cannot convert JSON value: {shown(value)} to {tensorflow_name(dtype)} "
            "without loss of precision."
        )
    return number


def _mismatch(value: Any, dtype: DType) -> InvalidInput:
    return InvalidInput(
        f"JSON Value: {shown(value)} Type: {kind(value)} is not of expected type: "
        f"{tensorflow_name(dtype)}"
    )
