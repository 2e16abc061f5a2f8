"""What a SavedModel says of its signatures, read from saved_model.pb without TensorFlow."""

from __future__ import annotations

import mmap
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Final

from service.codecs import protobuf
from service.errors import InvalidExport
from service.exports.folder import Export

PREDICT: Final = "tensorflow/serving/predict"
CLASSIFY: Final = "tensorflow/serving/classify"
REGRESS: Final = "tensorflow/serving/regress"
"""What TensorFlow Serving's three ways to ask are called in `SignatureDef.method_name`."""

SERVE: Final = "serve"
"""The tag of the graph that is meant for inference."""
_DTYPE_NAMES: Final = """
INVALID FLOAT DOUBLE INT32 UINT8 INT16 INT8 STRING COMPLEX64 INT64 BOOL QINT8 QUINT8 QINT32
BFLOAT16 QINT16 QUINT16 UINT16 COMPLEX128 HALF RESOURCE VARIANT UINT32 UINT64
"""
"""TensorFlow's `DataType` from 0 on."""
_DTYPES: Final = dict(enumerate(f"DT_{name}" for name in _DTYPE_NAMES.split()))


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """One input or output, as TensorFlow's `TensorInfo` says it."""

    dtype: str = "DT_INVALID"
    """Such as `DT_FLOAT`."""
    dims: tuple[tuple[int, str], ...] | None = ()
    """Size (-1 for any) and name of each axis; None for an unknown rank."""
    name: str = ""
    """The tensor's name in the graph, such as `x:0`; empty where it is made of several."""


@dataclass(frozen=True, slots=True)
class SignatureDef:
    """One signature, as TensorFlow's `SignatureDef` says it."""

    inputs: dict[str, TensorInfo] = field(default_factory=dict)
    outputs: dict[str, TensorInfo] = field(default_factory=dict)
    method_name: str = ""


@lru_cache(maxsize=256)
def signatures(export: Export) -> dict[str, SignatureDef]:
    """The signatures of an export's graph for serving, in the order of the file.

    Raises:
        InvalidExport: the file cannot be read, or is no SavedModel.
    """
    try:
        return read(export.path / "saved_model.pb")
    except (OSError, ValueError) as error:
        raise InvalidExport(f"saved_model.pb cannot be read: {error}: export it again") from error


def read(path: Path) -> dict[str, SignatureDef]:
    """The signatures of the graph tagged `serve`, or of the first, in a saved_model.pb.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no SavedModel.
    """
    graphs = _graphs(path)
    return next((found for tags, found in graphs if SERVE in tags), graphs[0][1])


def tags(path: Path) -> list[list[str]]:
    """The tags of each graph in a saved_model.pb.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no SavedModel.
    """
    return [tags for tags, _ in _graphs(path)]


def _graphs(path: Path) -> list[tuple[list[str], dict[str, SignatureDef]]]:
    """The tags and the signatures of each graph."""
    with path.open("rb") as file:
        # Of a file that may be large little is looked at.
        content = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    graphs = [
        _graph(protobuf.content(value)) for number, value in protobuf.fields(content) if number == 2
    ]
    if not graphs:
        raise ValueError("it holds no graph")
    return graphs


def _graph(message: bytes | memoryview) -> tuple[list[str], dict[str, SignatureDef]]:
    """The tags and the signatures of a `MetaGraphDef`."""
    tags: list[str] = []
    found: dict[str, SignatureDef] = {}
    for number, value in protobuf.fields(message):
        if number == 1:
            facts = protobuf.fields(protobuf.content(value))
            tags = [protobuf.text(fact) for kind, fact in facts if kind == 4]
        elif number == 5:
            name, content = protobuf.entry(value)
            found[name] = _signature(content)
    return tags, found


def _signature(message: bytes | memoryview) -> SignatureDef:
    inputs: dict[str, TensorInfo] = {}
    outputs: dict[str, TensorInfo] = {}
    method_name = ""
    for number, value in protobuf.fields(message):
        if number == 3:
            method_name = protobuf.text(value)
        elif number in (1, 2):
            name, content = protobuf.entry(value)
            (inputs if number == 1 else outputs)[name] = _tensor_info(content)
    return SignatureDef(inputs, outputs, method_name)


def _tensor_info(message: bytes | memoryview) -> TensorInfo:
    dtype, name = "DT_INVALID", ""
    dims: tuple[tuple[int, str], ...] | None = ()
    for number, value in protobuf.fields(message):
        if number == 1:
            name = protobuf.text(value)
        elif number == 2 and isinstance(value, int):
            dtype = _DTYPES.get(value, f"DT_{value}")
        elif number == 3:
            dims = _dims(protobuf.content(value))
    return TensorInfo(dtype, dims, name)


def _dims(message: bytes | memoryview) -> tuple[tuple[int, str], ...] | None:
    """The axes of a `TensorShapeProto`."""
    dims = []
    for number, value in protobuf.fields(message):
        if number == 3 and value:
            return None
        if number == 2:
            members = dict(protobuf.fields(protobuf.content(value)))
            size, name = members.get(1, 0), members.get(2)
            dims.append((protobuf.signed(size) if isinstance(size, int) else 0, _name(name)))
    return tuple(dims)


def _name(value: protobuf.Value | None) -> str:
    return "" if value is None else protobuf.text(value)
