"""The gRPC messages: on the wire other people's own, in Python beside theirs, written anew."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor, FileDescriptor
from tensorflow_serving.apis import model_service_pb2, prediction_service_pb2
from tritonclient.grpc import service_pb2

from service.protocols.grpc.protos import open_inference_pb2, tensorflow_pb2, tensorflow_serving_pb2
from tests import ROOT

PROTOS = ROOT / "service/protocols/grpc/protos"

PASSED_THROUGH = {
    "ExampleList.examples",
    "ExampleListWithContext.examples",
    "ExampleListWithContext.context",
}
"""Bytes for us where theirs has a message: on the wire a message's field is a field of bytes."""


def _files(root: FileDescriptor) -> Iterator[FileDescriptor]:
    yield root
    for other in root.dependencies:
        yield from _files(other)


def _theirs(*roots: FileDescriptor) -> dict[str, Descriptor | EnumDescriptor]:
    files = [file for root in roots for file in _files(root)]
    found: dict[str, Descriptor | EnumDescriptor] = {}
    for file in files:
        found |= {**file.message_types_by_name, **file.enum_types_by_name}
    return found


def _compare_message(ours: Descriptor, theirs: Descriptor) -> int:
    """Compare each of our fields with theirs; gives their number."""
    count = 0
    for field in ours.fields:
        name = f"{ours.name}.{field.name}"
        other = theirs.fields_by_name.get(field.name)
        assert other is not None, f"theirs has no {name}"
        assert (field.number, field.is_repeated) == (other.number, other.is_repeated), name
        if name in PASSED_THROUGH:
            assert (field.type, other.type) == (
                FieldDescriptor.TYPE_BYTES,
                FieldDescriptor.TYPE_MESSAGE,
            )
            continue
        assert (field.type, _kind(field)) == (other.type, _kind(other)), name
        assert _group(field) == _group(other), name
        count += 1
    for nested in ours.nested_types:
        count += _compare_message(nested, theirs.nested_types_by_name[nested.name])
    for enum in ours.enum_types:
        _compare_enum(enum, theirs.enum_types_by_name[enum.name])
    return count


def _compare_enum(ours: EnumDescriptor, theirs: EnumDescriptor) -> None:
    numbers = {value.name: value.number for value in theirs.values}
    assert {value.name: value.number for value in ours.values}.items() <= numbers.items(), ours.name


def _kind(field: FieldDescriptor) -> str | None:
    """The name of a field's message or enumeration, without its package."""
    kind = field.message_type or field.enum_type
    return None if kind is None else kind.name


def _group(field: FieldDescriptor) -> str | None:
    return None if field.containing_oneof is None else field.containing_oneof.name


@pytest.mark.parametrize(
    ("ours", "roots", "least"),
    [
        (open_inference_pb2.DESCRIPTOR, (service_pb2.DESCRIPTOR,), 100),
        (
            tensorflow_serving_pb2.DESCRIPTOR,
            (prediction_service_pb2.DESCRIPTOR, model_service_pb2.DESCRIPTOR),
            30,
        ),
        (tensorflow_pb2.DESCRIPTOR, (prediction_service_pb2.DESCRIPTOR,), 20),
    ],
    ids=["open_inference", "tensorflow_serving", "tensorflow"],
)
def test_the_messages_are_theirs_on_the_wire(
    ours: FileDescriptor, roots: tuple[FileDescriptor, ...], least: int
) -> None:
    theirs = _theirs(*roots)
    count = 0
    for name, message in ours.message_types_by_name.items():
        other = theirs[name]
        assert isinstance(other, Descriptor)
        count += _compare_message(message, other)
    for name, enum in ours.enum_types_by_name.items():
        other_enum = theirs[name]
        assert isinstance(other_enum, EnumDescriptor)
        _compare_enum(enum, other_enum)
    assert count >= least


def test_the_classes_are_written_from_the_files_beside_them(tmp_path: Path) -> None:
    files = sorted(str(path.relative_to(ROOT)) for path in PROTOS.glob("*.proto"))
    assert len(files) == 4
    result = subprocess.run(
        [sys.executable, "-m", "grpc_tools.protoc", "-I.", f"--python_out={tmp_path}", *files],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    for file in files:
        written = file.replace(".proto", "_pb2.py")
        assert _content(ROOT / written) == _content(tmp_path / written), "run 'make protos'"


def _content(written: Path) -> str:
    """What a generated module says of its messages, whichever version of protoc wrote it."""
    [content] = re.findall(r"AddSerializedFile\((.*)\)$", written.read_text("utf-8"), re.MULTILINE)
    return str(content)


def test_the_classes_are_written_for_the_lowest_protobuf_allowed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    [allowed] = [each for each in project["optional-dependencies"]["grpc"] if "protobuf" in each]
    for path in PROTOS.glob("*_pb2.py"):
        version = re.search(r"Protobuf Python Version: (\S+)", path.read_text("utf-8"))
        assert version
        assert allowed == f"protobuf>={version[1]}"
