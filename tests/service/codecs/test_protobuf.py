"""The wire format: what protobuf writes is read and the other way round, the rest is refused."""

from __future__ import annotations

import random

import pytest
from google.protobuf import struct_pb2, timestamp_pb2, wrappers_pb2

from service.codecs import protobuf


def test_varints_are_read_with_their_sign() -> None:
    message = timestamp_pb2.Timestamp(seconds=-5, nanos=300).SerializeToString()
    found = {number: value for number, value in protobuf.fields(message) if isinstance(value, int)}
    assert {number: protobuf.signed(value) for number, value in found.items()} == {1: -5, 2: 300}


def test_maps_and_texts_are_read() -> None:
    message = struct_pb2.Struct()
    message.update({"é": "a", "b": 1.5})
    entries = dict(
        protobuf.entry(value) for _, value in protobuf.fields(message.SerializeToString())
    )
    [(number, text)] = protobuf.fields(entries["é"])
    assert (number, protobuf.text(text)) == (3, "a")
    [(number, fixed)] = protobuf.fields(entries["b"])
    assert (number, len(protobuf.content(fixed))) == (2, 8)


def test_what_is_written_is_read() -> None:
    message = protobuf.field(1, "é".encode() * 100)
    assert wrappers_pb2.StringValue.FromString(message).value == "é" * 100
    numbers = [0, 1, -1, 127, 128, 2**63 - 1, -(2**63)]
    assert [
        protobuf.signed(each) for each in protobuf.varints(memoryview(protobuf.packed(numbers)))
    ] == numbers
    assert list(protobuf.varints(5)) == [5]


@pytest.mark.parametrize(
    "message", [b"\x08", b"\x0a\x05abc", b"\x0d\x01", b"\x09\x01", b"\x0b", b"\x80" * 11]
)
def test_what_is_cut_off_or_no_message_is_refused(message: bytes) -> None:
    with pytest.raises(ValueError, match=r"cut off|laid out"):
        list(protobuf.fields(message))


def test_a_number_is_no_text() -> None:
    with pytest.raises(ValueError, match="expected bytes; got the number 7"):
        protobuf.text(7)


def test_noise_is_read_or_refused() -> None:
    noise = random.Random(0)
    for _ in range(2000):
        try:
            list(protobuf.fields(noise.randbytes(noise.randrange(40))))
        except ValueError:
            continue
