"""A body that is one tensor and nothing else: its shape follows from what the model takes."""

from __future__ import annotations

import pytest

from service.errors import InvalidInput
from service.manifest import DType, Signature, TensorSpec
from service.protocols.open_inference.binary import raw_inputs


def _signature(dtype: DType, shape: tuple[int | None, ...] | None, *more: str) -> Signature:
    spec = TensorSpec(dtype=dtype, shape=shape)
    return Signature(task="infer", inputs={"x": spec} | dict.fromkeys(more, spec), outputs={})


@pytest.mark.parametrize(
    ("dtype", "given", "length", "shape"),
    [
        ("float32", (None, 2, 2), 16, (1, 2, 2)),
        ("float32", (None, 2, 2), 32, (2, 2, 2)),
        ("uint8", (None, None, 3), 15, (1, 5, 3)),
        ("int64", (None,), 24, (3,)),
        ("int16", (2, 2), 8, (2, 2)),
        ("float32", None, 8, (2,)),
        ("float32", (), 4, ()),
    ],
)
def test_one_size_follows_from_the_bytes(
    dtype: DType, given: tuple[int | None, ...] | None, length: int, shape: tuple[int, ...]
) -> None:
    [(name, array)] = raw_inputs(bytes(length), _signature(dtype, given)).items()
    assert (name, array.shape, array.dtype.name) == ("x", shape, dtype)


@pytest.mark.parametrize("given", [(None,), (1,), (None, 1), (None, None), None])
def test_a_string_is_the_whole_body(given: tuple[int | None, ...] | None) -> None:
    array = raw_inputs(b"\x05\x00\x00\x00hello", _signature("string", given))["x"]
    assert array.ravel().tolist() == [b"\x05\x00\x00\x00hello"]
    assert array.ndim == (1 if given is None else len(given))


@pytest.mark.parametrize(
    ("signature", "length", "message"),
    [
        (_signature("float32", (None, 2)), 12, "takes 8 bytes, or a multiple"),
        (_signature("float32", (2, 2)), 12, "takes 16 bytes"),
        (_signature("float32", (None, None, None)), 12, "leaves one size open"),
        (_signature("float32", (None, 0)), 12, "takes 0 bytes"),
        (_signature("float32", (None, 2)), 0, "got 0"),
        (_signature("string", (None, 16)), 12, "has one string"),
        (_signature("float32", (None,), "y"), 12, "takes x, y"),
    ],
)
def test_what_does_not_follow_is_said(signature: Signature, length: int, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        raw_inputs(bytes(length), signature)
