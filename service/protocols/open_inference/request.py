"""An inference as it is asked: JSON, JSON with binary tensors behind it, or one raw tensor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from service.codecs import datatypes
from service.codecs.json_tensors import flat
from service.codecs.json_text import is_list, is_object, kind, parse, plain, shown
from service.errors import InvalidInput
from service.protocols.open_inference.binary import Blobs, json_length
from service.runtimes import Tensors

HEADER_LENGTH: Final = "Inference-Header-Content-Length"
"""The header that says how many bytes of JSON stand before the binary tensors."""

_SEQUENCES: Final = ("sequence_id", "sequence_start", "sequence_end")


@dataclass(frozen=True, slots=True)
class Requested:
    """One output that was asked for."""

    name: str
    binary: bool
    """Whether it comes as a binary tensor."""
    classes: int
    """How many of its best classes, or 0 for the tensor itself."""


@dataclass(frozen=True, slots=True)
class Inference:
    """What one request asks."""

    inputs: Tensors | None
    """None where the body is one raw tensor, whose name only the model knows."""
    outputs: tuple[Requested, ...] | None = None
    """None for every output."""
    id: str = ""
    binary: bool = True
    """Whether outputs come as binary tensors where nothing else is said."""
    priority: int = 0
    timeout_s: float | None = None
    signature: str | None = None


def read(body: bytes, header_length: str) -> Inference:
    """Understand a body by the value of its header `Inference-Header-Content-Length`, or none.

    Raises:
        InvalidInput: something in it is missing, malformed or not offered; says what.
    """
    length = json_length(header_length, body)
    if length == 0:
        return Inference(None)
    asked = parse(body if length is None else body[:length])
    if not is_object(asked):
        raise InvalidInput(f"an inference is a JSON object; got {kind(asked)}")
    blobs = Blobs(body, length)
    inputs = _inputs(asked, blobs)
    blobs.finish()
    parameters = _parameters(asked, "the request")
    for name in _SEQUENCES:
        if parameters.get(name):
            raise InvalidInput(
                f"'{name}' is not taken: no model here keeps state from one request to the next",
                param=name,
            )
    binary = _flag(parameters, "binary_data_output")
    timeout_us = _count(parameters, "timeout")
    return Inference(
        inputs,
        _outputs(asked, binary),
        _text(asked, "id", "the request", ""),
        binary,
        _count(parameters, "priority"),
        timeout_us / 1e6 if timeout_us else None,
        _text(parameters, "signature_name", "the request's parameters", "") or None,
    )


def _inputs(asked: Mapping[str, Any], blobs: Blobs) -> Tensors:
    entries = asked.get("inputs")
    if not is_list(entries) or not len(entries):
        raise InvalidInput("'inputs' is a list of one tensor or more", param="inputs")
    tensors: dict[str, NDArray[Any]] = {}
    for entry in entries:
        if not is_object(entry):
            raise InvalidInput(f"an input is an object; got {kind(entry)}", param="inputs")
        name = _text(entry, "name", "an input")
        if name in tensors:
            raise InvalidInput(f"the input '{name[:100]}' is there twice", param="inputs")
        try:
            tensors[name] = _tensor(entry, name, blobs)
        except InvalidInput as error:
            raise InvalidInput(f"input '{name[:100]}': {error.message}", param=name) from None
    return tensors


def _tensor(entry: Mapping[str, Any], name: str, blobs: Blobs) -> NDArray[Any]:
    shape, datatype = plain(entry.get("shape")), _text(entry, "datatype", "it")
    if not isinstance(shape, list) or not all(type(size) is int and size >= 0 for size in shape):
        raise InvalidInput(f"its 'shape' is a list of integers from 0; got {shown(shape)}")
    parameters, values = _parameters(entry, "it"), entry.get("data")
    if "shared_memory_region" in parameters:
        raise InvalidInput("shared memory is not offered: send the tensor in the body")
    if "binary_data_size" not in parameters:
        return _of_json(values, datatype, shape)
    if values is not None:
        raise InvalidInput("it has 'data' and 'binary_data_size': send one of them")
    blob = blobs.take(_count(parameters, "binary_data_size"))
    return datatypes.from_raw(blob, datatype, shape)


def _of_json(values: Any, datatype: str, shape: list[int]) -> NDArray[Any]:
    if not is_list(values):
        raise InvalidInput("it has neither a list 'data' nor a parameter 'binary_data_size'")
    array = flat(values, datatypes.dtype_of(datatype))
    try:
        return array.reshape(shape)
    except (ValueError, OverflowError):
        raise InvalidInput(
            f"the shape {shown(shape)} takes {np.prod(shape, dtype=object)} elements; "
            f"'data' has {array.size}"
        ) from None


def _outputs(asked: Mapping[str, Any], binary: bool) -> tuple[Requested, ...] | None:
    entries = plain(asked.get("outputs"))
    if entries is None or entries == []:
        return None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise InvalidInput("'outputs' is a list of objects with a 'name'", param="outputs")
    outputs: dict[str, Requested] = {}
    for entry in entries:
        name = _text(entry, "name", "an output")
        if name in outputs:
            raise InvalidInput(f"the output '{name[:100]}' is there twice", param="outputs")
        parameters = _parameters(entry, f"the output '{name[:100]}'")
        if "shared_memory_region" in parameters:
            raise InvalidInput("shared memory is not offered: outputs come in the body", param=name)
        as_binary = _flag(parameters, "binary_data", binary)
        outputs[name] = Requested(name, as_binary, _count(parameters, "classification"))
    return tuple(outputs.values())


def _parameters(owner: Mapping[str, Any], whose: str) -> dict[str, Any]:
    parameters = plain(owner.get("parameters"))
    if parameters is None:
        return {}
    if not isinstance(parameters, dict):
        raise InvalidInput(f"the 'parameters' of {whose} are an object; got {shown(parameters)}")
    return parameters


def _text(owner: Mapping[str, Any], name: str, whose: str, default: str | None = None) -> str:
    value = owner.get(name)
    if value is None and default is not None:
        return default
    if not isinstance(value, str):
        raise InvalidInput(f"the '{name}' of {whose} is a string; got {shown(value)}", param=name)
    if not value.isascii() and any("\ud800" <= each <= "\udfff" for each in value):
        raise InvalidInput(f"the '{name}' of {whose} has half a character in {shown(value)}")
    return value


def _flag(parameters: Mapping[str, Any], name: str, default: bool = False) -> bool:
    value = parameters.get(name, default)
    if not isinstance(value, bool):
        raise InvalidInput(f"'{name}' is true or false; got {shown(value)}", param=name)
    return value


def _count(parameters: Mapping[str, Any], name: str) -> int:
    value = parameters.get(name, 0)
    if type(value) is not int or not 0 <= value < 2**63:
        raise InvalidInput(f"'{name}' is an integer from 0; got {shown(value)}", param=name)
    return value
