"""A predict request's tensors, in rows (`instances`) or in columns (`inputs`), and its answer's.

The rules and the messages are TensorFlow Serving's.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import orjson
from numpy.typing import NDArray

from service.codecs.json_elements import tensorflow_name
from service.codecs.json_tensors import listed, rendered, tensor
from service.codecs.json_text import is_base64, is_object, shown
from service.errors import InvalidInput, Unimplemented
from service.manifest import DType, TensorSpec
from service.protocols.tensorflow_serving.request import Document
from service.runtimes import Tensors

_UNIMPLEMENTED: Final = ("float16", "bfloat16", "uint16")
"""The types that TensorFlow Serving does not read from JSON."""
_BYTES_SUFFIX: Final = "_bytes"


def read_inputs(document: Document, specs: Mapping[str, TensorSpec]) -> Tensors:
    """The inputs of a signature.

    Raises:
        InvalidInput: one is missing, or is not as the signature says; says which.
        Unimplemented: one has a type that JSON does not carry here.
    """
    key = "instances" if document.is_by_rows else "inputs"
    for spec in specs.values():
        if spec.dtype in _UNIMPLEMENTED:
            raise Unimplemented(
                f"Conversion of JSON Value: {shown(document.members.get(key))} to type: "
                f"{tensorflow_name(spec.dtype)}: the Open Inference Protocol under /v2 takes it"
            )
    return _by_rows(document, specs) if document.is_by_rows else _by_columns(document, specs)


def _by_columns(document: Document, specs: Mapping[str, TensorSpec]) -> Tensors:
    value = document.members["inputs"]
    if is_object(value) and not is_base64(value):
        missing = [name for name in specs if name not in value]
        if missing:
            raise InvalidInput(f"Missing named input: {missing[0]} in 'inputs' object.")
        return {name: tensor(value[name], spec.dtype) for name, spec in specs.items()}
    if len(specs) != 1:
        raise InvalidInput(
            "inputs is a plain value/list, but expecting an object as multiple input tensors "
            "required as per tensorinfo_map"
        )
    [(name, spec)] = specs.items()
    return {name: tensor(value, spec.dtype, document.text)}


def _by_rows(document: Document, specs: Mapping[str, TensorSpec]) -> Tensors:
    rows = document.rows
    if _is_named(rows[0]):
        return _by_named_rows(rows, specs)
    if len(specs) != 1:
        raise InvalidInput(
            "instances is a plain list, but expecting list of objects as multiple input tensors "
            "required as per tensorinfo_map"
        )
    [(name, spec)] = specs.items()
    try:
        return {name: tensor(rows, spec.dtype, document.text)}
    except InvalidInput:
        for index, row in enumerate(rows):
            if _is_named(row):
                raise InvalidInput(
                    f"Expecting value/list but got object at item {index} of input list"
                ) from None
        _stacked(rows, spec.dtype)  # says which row is at fault
        raise


def _by_named_rows(rows: Sequence[Any], specs: Mapping[str, TensorSpec]) -> Tensors:
    columns: dict[str, list[Any]] = {name: [] for name in specs}
    for index, row in enumerate(rows):
        if not _is_named(row):
            raise InvalidInput(f"Expecting object but got list at item {index} of input list")
        for name in row:
            if name not in columns:
                raise InvalidInput(
                    f"Failed to process element: {index} key: {shown(name)[1:-1]} of 'instances' "
                    "list. Error: INVALID_ARGUMENT: JSON object: does not have named input: "
                    f"{shown(name)[1:-1]}"
                )
        for name, column in columns.items():
            if name not in row:
                raise InvalidInput(
                    f"Failed to process element: {index} of 'instances' list. JSON object: "
                    f"{shown(row)} keys must be equal to: {','.join(sorted(columns))}"
                )
            column.append(row[name])
    return {name: _stacked(columns[name], spec.dtype, name) for name, spec in specs.items()}


def _is_named(row: Any) -> bool:
    return is_object(row) and not is_base64(row)


def _stacked(values: Sequence[Any], dtype: DType, name: str | None = None) -> NDArray[Any]:
    """Values of one shape, one a row."""
    rows: list[NDArray[Any]] = []
    for index, value in enumerate(values):
        try:
            rows.append(tensor(value, dtype))
            _check_shape(rows[-1].shape, rows[0].shape)
        except InvalidInput as error:
            key = "" if name is None else f" key: {name}"
            raise InvalidInput(
                f"Failed to process element: {index}{key} of 'instances' list. "
                f"Error: INVALID_ARGUMENT: {error.message}"
            ) from None
    return np.stack(rows)


def _check_shape(shape: tuple[int, ...], expected: tuple[int, ...]) -> None:
    if math.prod(shape) != math.prod(expected):
        raise InvalidInput(
            f"Expecting tensor size: {math.prod(expected)} but got: {math.prod(shape)}"
        )
    if shape != expected:
        raise InvalidInput(f"Expecting shape {list(expected)} but got: {list(shape)}")


def write_outputs(outputs: Tensors, *, by_rows: bool) -> bytes:
    """The answer's JSON.

    Raises:
        InvalidInput: it is to be in rows, and an output has none, or not as many as another.
    """
    if by_rows:
        return orjson.dumps({"predictions": _predictions(outputs)})
    columns = {name: _json(name, array) for name, array in outputs.items()}
    return orjson.dumps({"outputs": columns if len(columns) > 1 else next(iter(columns.values()))})


def _predictions(outputs: Tensors) -> Any:
    count: int | None = None
    for name, array in outputs.items():
        if not array.ndim:
            raise InvalidInput(f"Tensor name: {name} has no shape information ")
        if count not in (None, len(array)):
            raise InvalidInput(
                f"Tensor name: {name} has inconsistent batch size: {len(array)} expecting: {count}"
            )
        count = len(array)
    if len(outputs) == 1:
        [(name, array)] = outputs.items()
        return _json(name, array)
    return listed(
        {name: _json(name, array[index, ...]) for name, array in outputs.items()}
        for index in range(count or 0)
    )


def _json(name: str, array: NDArray[Any]) -> orjson.Fragment:
    return rendered(array, as_base64=name.endswith(_BYTES_SUFFIX))
