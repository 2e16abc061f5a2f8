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

MANTISSAS: Final = {"float16": 11, "bfloat16": 8, "float32": 24, "float64": 53}
"""Binary digits: integers of no more are exact."""
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


def elements_of(values: Sequence[Any], dtype: DType, *, exact: bool = False) -> NDArray[Any]:
    """An array of one axis of parsed values that are no lists.

    With `exact`, integers that a type of decimals would round are refused.

    Raises:
        InvalidInput: a value is not of the type; says which.
    """
    wanted = numpy_dtype(dtype)
    array = np.empty(len(values), np.float64 if dtype in MANTISSAS else wanted)
    if dtype in MANTISSAS and set(map(type, values)) <= {float}:
        array[:] = values
        is_large = np.isfinite(array) & (np.abs(array) >= OVERFLOWS[dtype])
        if not is_large.any():
            return array.astype(wanted)
    convert = _conversion(dtype, exact)
    for index, value in enumerate(values):
        array[index] = convert(value)
    return array.astype(wanted, copy=False)


def _conversion(dtype: DType, exact: bool) -> Callable[[Any], Any]:
    if dtype == "string":
        return _string
    if dtype == "bool":
        return _bool
    if dtype in MANTISSAS:
        return partial(_decimal, dtype=dtype, exact=exact)
    limits = np.iinfo(numpy_dtype(dtype))
    return partial(_integer, dtype=dtype, limits=range(int(limits.min), int(limits.max) + 1))


def _string(value: Any) -> bytes:
    if is_base64(value):
        text = value["b64"]
        try:
            return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
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


def _decimal(value: Any, dtype: DType, exact: bool) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _mismatch(value, dtype)
    try:
        number = float(value)
        overflows = math.isfinite(number) and abs(number) >= OVERFLOWS[dtype]
    except OverflowError:  # an integer of hundreds of digits
        number, overflows = math.inf, True
    rounds = exact and isinstance(value, int) and abs(value) >= 2 ** MANTISSAS[dtype]
    if overflows or rounds:
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
