"""JSON values ⇄ NumPy arrays, for the protocols whose tensors travel as JSON.

A list of numbers goes from the text straight into a buffer: an image of 224×224×3 takes a few
milliseconds. Where that cannot tell what the numbers are, each is looked at, for the answer or for
the reason why there is none.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Sequence
from itertools import chain, islice
from typing import Any, Final, cast

import numpy as np
import orjson
import simdjson
from numpy.typing import NDArray

from service.codecs.datatypes import numpy_dtype
from service.codecs.json_elements import OVERFLOWS, elements_of, narrowed
from service.codecs.json_text import is_list, plain, shown
from service.errors import InvalidInput
from service.manifest import DType

_MOST_AXES: Final = 64
"""As many as NumPy has."""
_WHOLE: Final = 2.0**24
"""From here on float32 has whole numbers alone, such as seconds since 1970: all digits are sent."""
_ROUNDED: Final = 2.0**53
"""From here on they are rounded in float64 too."""
_BLOCK: Final = 1024
"""Values of a list that are made JSON at once."""
_NOT_OUTLINE: Final = bytes(set(range(256)) - set(b"[],"))


def tensor(value: Any, dtype: DType, text: bytes = b"") -> NDArray[Any]:
    """The tensor that a parsed value is, its axes the lists in it.

    Where the value is the only list of its document, it is quicker with the document's `text`.

    Raises:
        InvalidInput: its lists are ragged, or an element is not of the type; says which.
    """
    if isinstance(value, simdjson.Array):
        numbers, shape = _numbers(value, dtype, to_infinity=True), _first_path(value)
        if numbers is not None and _is_nested_as(value, shape, numbers, text):
            return numbers.reshape(shape)
    return _from_lists(plain(value), dtype)


def flat(value: Any, dtype: DType) -> NDArray[Any]:
    """The elements of a parsed list, however nested, in their order: an array of one axis.

    Raises:
        InvalidInput: an element is not of the type; says which.
    """
    if isinstance(value, simdjson.Array):
        numbers = _numbers(value, dtype)
        if numbers is not None:
            return numbers
    elements = [plain(value)]
    for _ in range(_MOST_AXES + 1):
        if not any(isinstance(each, list) for each in elements):
            return elements_of(elements, dtype, to_infinity=False)
        elements = list(chain(*(each if isinstance(each, list) else [each] for each in elements)))
    raise _too_deep()


def rendered(array: NDArray[Any], *, as_base64: bool = False) -> orjson.Fragment:
    """The JSON of a tensor: lists, its numbers as short as they can be read back.

    Numbers that are none are `NaN`, `Infinity` and `-Infinity`, as Python's reader takes them.
    Strings that are not UTF-8, or all with `as_base64`, are objects `{"b64": …}`.
    """
    if array.dtype.kind in "OSU":
        return orjson.Fragment(orjson.dumps(_strings(array.tolist(), as_base64)))
    if array.dtype.kind not in "iub":
        if array.dtype != np.float64:
            array = _whole(array.astype(np.float32, copy=False))
        is_finite = np.isfinite(array)
        if not is_finite.all():
            return orjson.Fragment(_with_names(_dumps(array), array[~is_finite].tolist()))
    return orjson.Fragment(_dumps(array))


def listed(rows: Iterable[Any]) -> orjson.Fragment:
    """The JSON of a list of many small values: the text of each takes a kilobyte until joined."""
    waiting = iter(rows)
    blocks = [
        orjson.dumps(block)[1:-1] for block in iter(lambda: list(islice(waiting, _BLOCK)), [])
    ]
    return orjson.Fragment(b"[" + b",".join(blocks) + b"]")


def _whole(array: NDArray[Any]) -> NDArray[Any]:
    """float32 in float64, where the shortest decimals of float32 would round whole numbers."""
    is_whole = (np.abs(array) >= _WHOLE) & (np.abs(array) < _ROUNDED)
    if not is_whole.any():
        return array
    shortest = array.astype(str).astype(np.float64)
    return np.where(is_whole, array.astype(np.float64), shortest)


def _dumps(array: NDArray[Any]) -> bytes:
    content = np.ascontiguousarray(array) if array.ndim else array[()]
    return orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY)


def _with_names(text: bytes, numbers: Sequence[float]) -> bytes:
    """The text with its nulls replaced by the names of `numbers`, in their order."""
    names = [
        b"NaN" if math.isnan(each) else b"%sInfinity" % (b"-" * (each < 0)) for each in numbers
    ]
    first, *rest = text.split(b"null")
    return first + b"".join(chain(*zip(names, rest, strict=True)))


def _strings(value: Any, as_base64: bool) -> Any:
    if isinstance(value, list):
        return [_strings(each, as_base64) for each in value]
    content = value if isinstance(value, bytes) else str(value).encode()
    if not as_base64:
        try:
            return content.decode()
        except UnicodeDecodeError:
            pass
    return {"b64": base64.b64encode(content).decode()}


def _numbers(
    value: simdjson.Array, dtype: DType, *, to_infinity: bool = False
) -> NDArray[Any] | None:
    """The numbers of a list, however nested; None where a slower look must say what they are."""
    if dtype in ("string", "bool"):
        return None
    wanted = numpy_dtype(dtype)
    is_integer = dtype not in OVERFLOWS
    letter = "d" if not is_integer else "u" if dtype == "uint64" else "i"
    try:
        buffer = value.as_buffer(of_type=letter)  # type: ignore[arg-type]  # one of its letters
        numbers: NDArray[Any] = np.frombuffer(buffer, f"{'f' if letter == 'd' else letter}8")
    except (TypeError, ValueError):  # a fraction among integers, a string, a number too large
        return None
    if not numbers.size:
        return numbers.astype(wanted)
    lowest, highest = numbers.min(), numbers.max()
    if is_integer:
        limits = np.iinfo(wanted)
        fits = lowest >= limits.min and highest <= limits.max
    else:
        fits = to_infinity or max(-lowest, highest) < OVERFLOWS[dtype]
    return narrowed(numbers, wanted) if fits else None


def _first_path(value: Any) -> tuple[int, ...]:
    """The shape that a value has if its lists are not ragged: the sizes of each first one."""
    shape: list[int] = []
    while is_list(value):
        shape.append(len(value))
        value = value[0] if len(value) else None
    return tuple(shape)


def _is_nested_as(
    value: simdjson.Array, shape: Sequence[int], numbers: NDArray[Any], text: bytes
) -> bool:
    """Whether the numbers of a list are nested as `shape` says.

    Their outline is what stays when all but brackets and commas are deleted.
    """
    if len(shape) > _MOST_AXES or numbers.size != math.prod(shape):
        return False
    outline = b""
    for size in reversed(shape):
        outline = b"[" + b",".join([outline] * size) + b"]"
    # Members of an object before and after the list leave their commas.
    if text.translate(None, _NOT_OUTLINE).strip(b",") == outline:
        return True
    return cast(bytes, value.mini).translate(None, _NOT_OUTLINE) == outline


def _from_lists(value: Any, dtype: DType) -> NDArray[Any]:
    """The tensor that Python's lists are."""
    shape = _first_path(value)
    if len(shape) > _MOST_AXES:
        raise _too_deep()
    elements = [value]
    for level, size in enumerate(shape):
        for each in elements:
            if not isinstance(each, list):
                raise InvalidInput(
                    f"JSON Value: {shown(each)} found at incorrect level: {level + 1} "
                    f"in the JSON DOM. Expected at level: {len(shape)}"
                )
            if len(each) != size:
                raise InvalidInput(
                    f"Encountered list at unexpected size: {len(each)} at level: {level} "
                    f"expected size: {size}"
                )
        elements = list(chain(*elements))
    if any(isinstance(each, list) for each in elements):
        depth = len(shape)
        raise InvalidInput(f"Encountered list at unexpected level: {depth} expected < {depth}")
    return elements_of(elements, dtype, to_infinity=True).reshape(shape)


def _too_deep() -> InvalidInput:
    return InvalidInput(f"lists are nested too deeply: a tensor has at most {_MOST_AXES} axes")
