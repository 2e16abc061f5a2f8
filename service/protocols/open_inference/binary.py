"""The binary tensor extension: blobs behind the JSON, and a body that is one raw tensor."""

from __future__ import annotations

import math

from service.codecs import datatypes
from service.errors import InvalidInput
from service.manifest import Signature, TensorSpec
from service.runtimes import Tensors


def json_length(header: str, body: bytes) -> int | None:
    """How many bytes of the body are JSON, as its header says; None where it has no header.

    Raises:
        InvalidInput: the header is no number, or the body is shorter.
    """
    if not header:
        return None
    if not (header.isascii() and header.isdecimal() and len(header) < 20):
        raise InvalidInput(
            f"Inference-Header-Content-Length is a number of bytes; got '{header[:100]}'"
        )
    if int(header) > len(body):
        raise InvalidInput(
            f"Inference-Header-Content-Length says {int(header)} bytes of JSON; "
            f"the body has {len(body)}"
        )
    return int(header)


class Blobs:
    """The binary tensors of a body, taken one after the other."""

    def __init__(self, body: bytes, length: int | None) -> None:
        """Stand behind `length` bytes of JSON; None where all the body is JSON."""
        self._has_header = length is not None
        self._rest = memoryview(body)[len(body) if length is None else length :]

    def take(self, size: int) -> memoryview:
        """The next `size` bytes.

        Raises:
            InvalidInput: there are fewer.
        """
        if size > len(self._rest):
            remedy = (
                ""
                if self._has_header
                else "; Inference-Header-Content-Length says where they begin"
            )
            raise InvalidInput(
                f"its 'binary_data_size' is {size}; {len(self._rest)} bytes of binary data "
                f"are there{remedy}"
            )
        blob, self._rest = self._rest[:size], self._rest[size:]
        return blob

    def finish(self) -> None:
        """Make sure that every byte was some tensor's.

        Raises:
            InvalidInput: some were none's.
        """
        if self._rest:
            raise InvalidInput(
                f"{len(self._rest)} bytes of binary data belong to no input: each binary input "
                "says its 'binary_data_size'"
            )


def raw_inputs(body: bytes, signature: Signature) -> Tensors:
    """The one input of a signature whose raw form is the whole body.

    One size may be open, and follows from the bytes; of several the first, the batch, is 1.

    Raises:
        InvalidInput: the signature takes several inputs, leaves more sizes open, or other bytes.
    """
    if len(signature.inputs) != 1:
        raise InvalidInput(
            f"a raw request is for models of one input; this one takes "
            f"{', '.join(signature.inputs)}: send JSON with binary tensors behind it"
        )
    [(name, spec)] = signature.inputs.items()
    datatype = datatypes.datatype_of(spec.dtype)
    shape = _one(name, spec) if datatype == "BYTES" else _closed(name, spec, len(body))
    blob = len(body).to_bytes(4, "little") + body if datatype == "BYTES" else body
    return {name: datatypes.from_raw(blob, datatype, shape)}


def _one(name: str, spec: TensorSpec) -> list[int]:
    """The shape of a single string."""
    shape = (None,) if spec.shape is None else spec.shape
    if any(size not in (None, 1) for size in shape):
        raise InvalidInput(
            f"a raw request has one string; the input '{name}' takes {list(shape)}", param=name
        )
    return [1 for _ in shape]


def _closed(name: str, spec: TensorSpec, length: int) -> list[int]:
    shape: list[int | None] = [None] if spec.shape is None else list(spec.shape)
    if shape.count(None) > 1 and shape[0] is None:
        shape[0] = 1
    if shape.count(None) > 1:
        raise InvalidInput(
            f"a raw request leaves one size open; the input '{name}' has the sizes "
            f"{list(spec.shape or ())}: send JSON with a binary tensor behind it",
            param=name,
        )
    row = math.prod(size for size in shape if size is not None)
    row *= datatypes.numpy_dtype(spec.dtype).itemsize
    if None in shape and (not row or not length or length % row):
        raise InvalidInput(
            f"the input '{name}' takes {row} bytes, or a multiple of them; got {length}", param=name
        )
    return [length // row if size is None else size for size in shape]
