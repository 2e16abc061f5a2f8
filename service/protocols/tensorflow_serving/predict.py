"""Predict: any signature, tensors in and out."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Final

from fastapi import APIRouter
from starlette.responses import Response

from service.engine.infer import infer
from service.errors import InvalidInput
from service.protocols.http.body import read_inflated
from service.protocols.http.request import Context
from service.protocols.http.route import JSONReply, named, while_connected
from service.protocols.tensorflow_serving import model_spec, schemas
from service.protocols.tensorflow_serving.request import Document
from service.protocols.tensorflow_serving.route import TAG, TensorFlowServingRoute
from service.protocols.tensorflow_serving.tensors import read_inputs, write_outputs
from service.repository.lease import Lease
from service.repository.model_spec import ModelSpec

router: Final = APIRouter(route_class=TensorFlowServingRoute, tags=[TAG])

_LONG: Final = 256 * 1024
"""Bytes; a longer body is understood on a thread, so that others are answered meanwhile."""
_MANY: Final = 4096
"""Elements; more of them are written on a thread."""


@schemas.at_each_address(router.post, ":predict", "Predict", schemas.PREDICT)
async def predict(request: Context) -> Response:
    """Run a signature, `serving_default` if none is named, on rows or columns of tensors."""
    spec = model_spec.from_path(request.path_params, request.routing_key)
    body = await read_inflated(request)
    read = Document.read
    document = read(body) if len(body) < _LONG else await asyncio.to_thread(read, body)
    return await while_connected(request, _answer(request, spec, document))


async def _answer(request: Context, spec: ModelSpec, document: Document) -> Response:
    engine = request.engine
    with await model_spec.lease(engine.repository, spec) as lease:
        name = signature_name(lease, document.signature)
        specs = lease.manifest.signatures[name].inputs
        if len(document.text) < _LONG:
            inputs = read_inputs(document, specs)
        else:
            inputs = await asyncio.to_thread(read_inputs, document, specs)
        outputs = await infer(engine, lease, inputs, signature=name)
        write = partial(write_outputs, outputs, by_rows=document.is_by_rows)
        is_short = sum(each.size for each in outputs.values()) < _MANY
        reply = JSONReply(write() if is_short else await asyncio.to_thread(write))
        return named(reply, lease.model.export.name, lease.model.export.version)


def signature_name(lease: Lease, asked: str | None) -> str:
    """The signature that a request names, or the first.

    Raises:
        InvalidInput: the model has none of this name.
    """
    try:
        return lease.signature(asked)
    except InvalidInput:
        raise InvalidInput(
            f'Serving signature name: "{(asked or "")[:100]}" not found in signature def; '
            f"there are: {', '.join(lease.manifest.signatures)}"
        ) from None
