"""Classify and regress: signatures that take serialized `tf.Example`s, and our own classifiers."""

from __future__ import annotations

from typing import Any, Final, cast

import numpy as np
import orjson
from fastapi import APIRouter
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import Response

from service import saved_model
from service.engine import Engine
from service.errors import InferenceFailed, InvalidInput
from service.lease import Lease
from service.protocols._body import read_inflated
from service.protocols._envelope import JSONReply, named, while_connected
from service.protocols._json_tensors import rendered
from service.protocols.tensorflow_serving import schemas
from service.protocols.tensorflow_serving.address import Address
from service.protocols.tensorflow_serving.examples import read_examples, serialized
from service.protocols.tensorflow_serving.predict import signature_name
from service.protocols.tensorflow_serving.request import Document
from service.protocols.tensorflow_serving.route import TAG, TensorFlowServingRoute
from service.runtimes import Tensors
from service.settings import Settings

router: Final = APIRouter(route_class=TensorFlowServingRoute, tags=[TAG])

_NOUNS: Final = {saved_model.CLASSIFY: "classification", saved_model.REGRESS: "regression"}


@schemas.at_each_address(router.post, ":classify", "Classify examples", schemas.CLASSIFY)
async def classify(request: Request) -> Response:
    """Run a classification signature on examples; each gets its labels and scores."""
    return await _respond(request, saved_model.CLASSIFY)


@schemas.at_each_address(router.post, ":regress", "Regress examples", schemas.REGRESS)
async def regress(request: Request) -> Response:
    """Run a regression signature on examples; each gets its value."""
    return await _respond(request, saved_model.REGRESS)


async def _respond(request: Request, method: str) -> Response:
    address = Address.of(request.path_params)
    body = await read_inflated(request, cast(Settings, request.app.state.settings))
    document = Document.read(body)
    examples = [serialized(each) for each in read_examples(document)]
    return await while_connected(
        request, _answer(request, address, document.signature, method, examples)
    )


async def _answer(
    request: Request, address: Address, signature: str | None, method: str, examples: list[bytes]
) -> Response:
    engine = cast(Engine, request.app.state.engine)
    with await address.lease(engine) as lease:
        name = signature_name(lease, signature)
        key = _input_of(lease, name, method)
        strings = np.empty(len(examples), object)
        strings[:] = examples
        outputs = await engine.infer(lease, {key: strings}, signature=name)
        write = _classes if method == saved_model.CLASSIFY else _values
        reply = JSONReply(orjson.dumps({"results": write(outputs, len(examples))}))
        return named(reply, lease.model.export.name, lease.model.export.version)


def _input_of(lease: Lease, name: str, method: str) -> str:
    """The one input of a signature that is asked as it was meant to be."""
    definition = saved_model.signatures(lease.model.export)[name]
    if definition.method_name != method:
        raise InvalidInput(
            f"Expected {_NOUNS[method]} signature method_name to be {method}. "
            f"Was: {definition.method_name}"
        )
    specs = lease.manifest.signatures[name].inputs
    if len(specs) != 1 or next(iter(specs.values())).dtype != "string":
        raise InvalidInput("Expected one input Tensor.")
    return next(iter(specs))


def _classes(outputs: Tensors, count: int) -> list[list[list[Any]]]:
    """A label and a score for each class of each example; a missing one is empty or 0."""
    found = [outputs[name] for name in ("classes", "scores") if name in outputs]
    if not found or any(array.ndim != 2 or array.shape != found[0].shape for array in found):
        raise InferenceFailed(
            "the signature's 'classes' and 'scores' are not of one shape, rows × classes"
        )
    _check_rows(found[0], count)
    labels = outputs.get("classes", np.full(found[0].shape, "", object))
    scores = outputs.get("scores", np.zeros(found[0].shape, np.float32))
    return [
        [
            [rendered(labels[row, column, ...]), rendered(scores[row, column, ...])]
            for column in range(found[0].shape[1])
        ]
        for row in range(count)
    ]


def _values(outputs: Tensors, count: int) -> orjson.Fragment:
    """A number for each example."""
    values = outputs.get("outputs")
    if values is None or values.ndim not in (1, 2) or values.size != len(values):
        raise InferenceFailed("the signature's 'outputs' are not one number a row")
    _check_rows(values, count)
    return rendered(values.reshape(-1))


def _check_rows(array: NDArray[Any], count: int) -> None:
    if len(array) != count:
        raise InferenceFailed(f"the model gave {len(array)} rows for {count} examples")
