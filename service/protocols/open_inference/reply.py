"""An inference's answer: JSON, with binary tensors behind it where they were asked for."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import orjson
from numpy.typing import NDArray
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from service.codecs import datatypes
from service.codecs.json_tensors import rendered
from service.errors import InvalidInput
from service.manifest import Signature
from service.protocols.http.compression import Coding, accepted, deflate
from service.protocols.open_inference.classes import best
from service.protocols.open_inference.request import HEADER_LENGTH, Inference, Requested
from service.repository.lease import Lease
from service.runtimes import Tensors

_SHORT: Final = 64 * 1024
"""Bytes up to which parts are joined: a copy is cheaper than a packet more."""
_WORTHWHILE: Final = 1024
"""Bytes from which compressing an answer gains anything."""

Part = bytes | memoryview


class TensorReply(Response):
    """Parts sent one after the other, so that tensors go out from where they lie."""

    def __init__(self, parts: list[Part], json_length: int | None) -> None:
        self.status_code = 200
        self.background = None
        self.body = b""
        self._parts: list[Part] = parts
        kind = b"application/json" if json_length is None else b"application/octet-stream"
        self.raw_headers = [(b"content-type", kind)]
        if json_length is not None:
            self.raw_headers.append((HEADER_LENGTH.lower().encode(), str(json_length).encode()))

    @property
    def is_binary(self) -> bool:
        """Whether tensors follow the JSON."""
        return len(self._parts) > 1

    async def compress(self, accept: str) -> None:
        """Compress the answer where the caller's `Accept-Encoding` asks for it and it gains.

        Numbers hardly shrink: binary tensors are compressed for callers who name one coding, not
        for those who list all that they know, as HTTP libraries do unasked.
        """
        codings = accepted(accept)
        if not codings or sum(map(len, self._parts)) < _WORTHWHILE:
            return
        if self.is_binary and len(accept.split(",")) > 1:
            return
        self._parts = [await _deflated(self._parts, codings[0])]
        self.raw_headers.append((b"content-encoding", codings[0].encode()))
        self.raw_headers.append((b"vary", b"accept-encoding"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        parts, length = self._parts, sum(map(len, self._parts))
        if length <= _SHORT:
            parts = [b"".join(parts)]
        self.raw_headers.append((b"content-length", str(length).encode()))
        head = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        await send(head)
        for index, part in enumerate(parts, 1):
            more = index < len(parts)
            await send({"type": "http.response.body", "body": part, "more_body": more})


async def _deflated(parts: list[Part], coding: Coding) -> bytes:
    if sum(map(len, parts)) < _SHORT:
        return deflate(parts, coding)
    return await asyncio.to_thread(deflate, parts, coding)


def reply(lease: Lease, signature: Signature, asked: Inference, outputs: Tensors) -> TensorReply:
    """The answer to `asked`, in the order in which its outputs were asked for.

    Raises:
        InvalidInput: an output cannot be given in the way that was asked for.
    """
    wanted = asked.outputs or tuple(Requested(name, asked.binary, 0) for name in outputs)
    entries, blobs = [], []
    for each in wanted:
        array = outputs[each.name]
        if each.classes:
            spec, labels = signature.outputs[each.name], lease.manifest.labels
            array = best(array, spec, each.classes, labels)
        entry: dict[str, Any] = {
            "name": each.name,
            "datatype": datatypes.datatype_of_array(array),
            "shape": array.shape,
        }
        if each.binary:
            blobs.append(datatypes.to_raw(array))
            entry["parameters"] = {"binary_data_size": len(blobs[-1])}
        else:
            entry["data"] = _in_json(each.name, array)
        entries.append(entry)
    export = lease.model.export
    said = {"model_name": export.name, "model_version": str(export.version), "outputs": entries}
    if asked.id:
        said["id"] = asked.id
    head = orjson.dumps(said)
    return TensorReply([head, *blobs], len(head) if blobs else None)


def _in_json(name: str, array: NDArray[Any]) -> orjson.Fragment:
    """The output's elements in row-major order, flat as Triton gives them."""
    if array.dtype.kind in "OSU" and not all(_is_text(each) for each in array.flat):
        raise InvalidInput(
            f"the output '{name}' has bytes that are no UTF-8 text, which JSON cannot carry: "
            "ask for it with the parameter binary_data",
            param=name,
        )
    return rendered(array.reshape(-1))


def _is_text(element: bytes | str) -> bool:
    if isinstance(element, bytes):
        try:
            element.decode()
        except UnicodeDecodeError:
            return False
    return True
