"""`tf.train.Example`s made of JSON objects, serialized without TensorFlow.

A feature is a value or a list of values: integers and bools become int64, decimals float, strings
and `{"b64": …}` bytes. One feature's values are of one kind.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from service.codecs import protobuf
from service.codecs.json_elements import elements_of
from service.codecs.json_text import is_base64, is_list, is_object, kind, plain, shown
from service.errors import InvalidInput
from service.protocols.tensorflow_serving.request import Document

_BYTES, _FLOAT, _INT64 = 1, 2, 3
"""The fields of `Feature`, one for each kind."""
_KINDS: Final = {_BYTES: "bytes", _FLOAT: "float", _INT64: "int64"}


def read_examples(document: Document) -> list[Mapping[str, Any]]:
    """The features of each of the `examples`, those of `context` among them.

    Raises:
        InvalidInput: there are none, or one is no object.
    """
    context = document.members.get("context", {})
    _check_object(context)
    examples = _listed(document.members)
    for example in examples:
        _check_object(example)
    return [{**dict(context.items()), **dict(example.items())} for example in examples]


def _listed(members: Mapping[str, Any]) -> Sequence[Any]:
    examples = members.get("examples")
    if "examples" not in members:
        reason = "When method is classify, key 'examples' is expected and was not found"
    elif not is_list(examples):
        reason = "Expecting 'examples' value to be an list/array"
    elif not len(examples):
        reason = "'examples' value is an empty array"
    else:
        return examples
    raise InvalidInput(f"JSON Value: {shown(members)} {reason}")


def serialized(features: Mapping[str, Any]) -> bytes:
    """An `Example` of these features, by name.

    Raises:
        InvalidInput: a feature's values are of several kinds, or of none that it can have, or its
            name is no text.
    """
    entries = [
        protobuf.field(1, protobuf.field(1, _key(name)) + protobuf.field(2, _feature(name, value)))
        for name, value in features.items()
    ]
    return protobuf.field(1, b"".join(entries))


def _check_object(value: Any) -> None:
    if not is_object(value):
        raise InvalidInput(f"Example must be JSON object but got JSON {kind(value)}")


def _key(name: str) -> bytes:
    try:
        return name.encode()
    except UnicodeEncodeError:
        raise InvalidInput(f"Feature: {shown(name)} has half a character in its name") from None


def _feature(name: str, value: Any) -> bytes:
    values = plain(value) if is_list(value) else [plain(value)]
    kinds = [_kind(name, each) for each in values]
    if not kinds:
        return b""
    if any(each != kinds[0] for each in kinds):
        raise InvalidInput(
            f"Unexpected element type in feature: {name} expecting type: {_KINDS[kinds[0]]}"
        )
    return protobuf.field(kinds[0], _list(kinds[0], values))


def _kind(name: str, value: Any) -> int:
    if isinstance(value, int):
        if not -(2**63) <= value < 2**63:
            raise InvalidInput(f"Feature: {name} has uint64 element. Only int64 is supported.")
        return _INT64
    if isinstance(value, float):
        return _FLOAT
    if isinstance(value, str) or is_base64(value):
        return _BYTES
    raise InvalidInput(f"Feature: {name} has element with unexpected JSON type: {kind(value)}")


def _list(kind: int, values: Sequence[Any]) -> bytes:
    """The message that holds a feature's values: `BytesList`, `FloatList` or `Int64List`."""
    if kind == _BYTES:
        strings = elements_of(values, "string", to_infinity=True)
        return b"".join(protobuf.field(1, each) for each in strings)
    if kind == _FLOAT:
        floats = elements_of(values, "float32", to_infinity=True)
        return protobuf.field(1, floats.astype(np.dtype("<f4")).tobytes())
    return protobuf.field(1, protobuf.packed(map(int, values)))
