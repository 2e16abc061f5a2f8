"""Warm-up with recorded requests, as TensorFlow Serving does it before a version is available.

An export may carry `assets.extra/tf_serving_warmup_requests`: a TFRecord file of `PredictionLog`
messages. Each is run once, so that the runtime's lazy initialization is done before real requests.
"""

from __future__ import annotations

import logging
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from service.codecs import protobuf, tensor_proto
from service.errors import InvalidExport, ServiceError
from service.manifest import Signature
from service.runtimes import Program, Tensors

logger = logging.getLogger(__name__)

_FILE: Final = "tf_serving_warmup_requests"
_MOST_RECORDS: Final = 1000
_DEFAULT: Final = "serving_default"

_CLASSIFY, _REGRESS, _MULTI_INFERENCE, _SESSION_RUN, _PREDICT = 2, 3, 4, 5, 6
"""The fields of `PredictionLog`, one for each kind of request."""
_LENGTH: Final = struct.Struct("<QI")


class RecordedRequest(NamedTuple):
    """A recorded request."""

    signature: str
    """Empty for the default signature."""
    inputs: dict[str | None, Any]
    """By name; None is the key of examples to classify or regress, which are the only input."""


def replay(export: Path, program: Program, signatures: Mapping[str, Signature]) -> int:
    """Run the recorded requests of an export; returns their number.

    Raises:
        InvalidExport: the file is broken, has more than 1000 records, or one of them fails.
    """
    path = export / "assets.extra" / _FILE
    if not path.is_file():
        return 0
    count = 0
    try:
        for record in _records(path.read_bytes()):
            if count == _MOST_RECORDS:
                raise ValueError(f"there are more than {_MOST_RECORDS} records")
            request = _request(record)
            if request is not None:
                _run(request, program, signatures)
            count += 1
    except (OSError, ValueError, ServiceError) as error:
        raise InvalidExport(
            f"{_FILE}: record {count}: {error}: record the requests again, or remove the file"
        ) from error
    logger.info("%s: warmed up with %d recorded requests", export, count)
    return count


def _run(request: RecordedRequest, program: Program, signatures: Mapping[str, Signature]) -> None:
    name = request.signature or _DEFAULT
    if name not in signatures:
        if name != _DEFAULT:
            raise ValueError(f"there is no signature {name!r}; there are: {', '.join(signatures)}")
        name = next(iter(signatures))
    only = next(iter(signatures[name].inputs), "")
    inputs: Tensors = {
        only if given is None else given: array for given, array in request.inputs.items()
    }
    program[name](inputs)


def _records(content: bytes) -> Iterator[memoryview]:
    """The records of a TFRecord file: length, its checksum, bytes, their checksum."""
    view, position = memoryview(content), 0
    while position < len(view):
        if len(view) - position < _LENGTH.size:
            raise ValueError("the file is cut off")
        length, checksum = _LENGTH.unpack_from(view, position)
        if _masked_crc32c(view[position : position + 8]) != checksum:
            raise ValueError("the checksum of its length is wrong")
        position += _LENGTH.size
        if length + 4 > len(view) - position:
            raise ValueError("the file is cut off")
        # The checksum of the bytes is skipped: in Python it takes longer than the request.
        yield view[position : position + length]
        position += length + 4


def _request(record: memoryview) -> RecordedRequest | None:
    """The request of a `PredictionLog`; None for a kind that is not replayed."""
    for number, log in protobuf.fields(record):
        if number == _SESSION_RUN:
            raise ValueError("it records a SessionRun, which is not supported")
        if number == _MULTI_INFERENCE:
            logger.warning("%s: skipped a MultiInference request", _FILE)
        elif number in (_CLASSIFY, _REGRESS, _PREDICT):
            request = dict(protobuf.fields(protobuf.content(log))).get(1, memoryview(b""))
            return _read(protobuf.content(request), has_examples=number != _PREDICT)
    return None


def _read(request: bytes | memoryview, *, has_examples: bool) -> RecordedRequest:
    signature = ""
    inputs: dict[str | None, Any] = {}
    for number, value in protobuf.fields(request):
        if number == 1:
            names = [
                protobuf.text(name)
                for kind, name in protobuf.fields(protobuf.content(value))
                if kind == 3
            ]
            signature = names[-1] if names else ""
        elif number == 2 and has_examples:
            inputs[None] = _examples(protobuf.content(value))
        elif number == 2:
            name, tensor = protobuf.entry(value)
            inputs[name] = tensor_proto.read(tensor)
    return RecordedRequest(signature, inputs)


def _examples(message: bytes | memoryview) -> Any:
    """The serialized examples of an `Input`, each with the context that they share before it."""
    examples: list[bytes] = []
    context = b""
    for _, listed in protobuf.fields(message):
        for number, value in protobuf.fields(protobuf.content(listed)):
            if number == 1:
                examples.append(bytes(protobuf.content(value)))
            else:
                context = bytes(protobuf.content(value))
    strings = np.empty(len(examples), object)
    strings[:] = [context + each for each in examples]
    return strings


def _masked_crc32c(data: bytes | memoryview) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
