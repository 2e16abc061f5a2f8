"""Inference: tensors in, tensors out."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Final

from fastapi import APIRouter
from starlette.responses import Response

from service.engine import infer as task
from service.protocols.http.body import read_inflated
from service.protocols.http.request import Context
from service.protocols.http.route import named, while_connected
from service.protocols.open_inference import document
from service.protocols.open_inference.binary import raw_inputs
from service.protocols.open_inference.reply import TensorReply, reply
from service.protocols.open_inference.request import HEADER_LENGTH, Inference, read
from service.protocols.open_inference.route import TAG, OpenInferenceRoute, version_of
from service.repository.model_spec import ModelSpec

router: Final = APIRouter(route_class=OpenInferenceRoute, tags=[TAG])

_LONG: Final = 256 * 1024
"""Bytes; a longer body is understood on a thread, so that others are answered meanwhile."""
_MANY: Final = 4096
"""Elements; an answer of more is written on a thread."""


@router.post(
    "/v2/models/{model}/infer",
    summary="Infer",
    response_model=document.InferenceReply,
    responses=document.answers(),
    openapi_extra=document.inference("model"),
)
@router.post(
    "/v2/models/{model}/versions/{version}/infer",
    summary="Infer with this version",
    response_model=document.InferenceReply,
    responses=document.answers(),
    openapi_extra=document.inference("model", "version"),
)
async def infer(request: Context) -> Response:
    """Run the model's first signature, or the one of the parameter `signature_name`.

    Tensors travel in JSON, as bytes behind it (the binary tensor extension), or as a body that is
    nothing but one tensor. Bodies may be compressed with gzip or deflate, both ways.
    """
    body = await read_inflated(request)
    length = request.header(HEADER_LENGTH.lower().encode())
    if len(body) < _LONG:
        asked = read(body, length)
    else:
        asked = await asyncio.to_thread(read, body, length)
    answer = await while_connected(request, _answer(request, asked, body))
    await answer.compress(request.header(b"accept-encoding"))
    return answer


async def _answer(request: Context, asked: Inference, body: bytes) -> TensorReply:
    engine, path = request.engine, request.path_params
    spec = ModelSpec(path["model"], version_of(path), key=request.routing_key)
    with await engine.repository.lease(spec) as lease:
        name = lease.signature(asked.signature)
        signature = lease.manifest.signatures[name]
        outputs = await task.infer(
            engine,
            lease,
            raw_inputs(body, signature) if asked.inputs is None else asked.inputs,
            signature=name,
            outputs=None if asked.outputs is None else [each.name for each in asked.outputs],
            priority=asked.priority,
            timeout_s=asked.timeout_s,
        )
        is_short = sum(each.size for each in outputs.values()) < _MANY
        write = partial(reply, lease, signature, asked, outputs)
        answer = write() if is_short else await asyncio.to_thread(write)
        named(answer, lease.model.export.name, lease.model.export.version)
        return answer
