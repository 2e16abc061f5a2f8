"""Classify and regress: signatures that take serialized `tf.Example`s, and our own classifiers."""

from __future__ import annotations

from asyncio import to_thread
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import orjson
from fastapi import APIRouter
from numpy.typing import NDArray
from starlette.responses import Response

from service.codecs.datatypes import strings
from service.codecs.json_tensors import listed, rendered
from service.engine.engine import Engine
from service.engine.infer import infer
from service.exports import saved_model
from service.protocols.http.body import read_inflated
from service.protocols.http.request import Context
from service.protocols.http.route import JSONReply, named, while_connected
from service.protocols.tensorflow_serving import model_spec, schemas
from service.protocols.tensorflow_serving.example_answers import input_of, labels_and_scores, values
from service.protocols.tensorflow_serving.examples import read_examples, serialized
from service.protocols.tensorflow_serving.images import classify_images, takes_images
from service.protocols.tensorflow_serving.predict import signature_name
from service.protocols.tensorflow_serving.request import Document
from service.protocols.tensorflow_serving.route import TAG, TensorFlowServingRoute
from service.repository.lease import Lease
from service.repository.model_spec import ModelSpec
from service.runtimes import Tensors

router: Final = APIRouter(route_class=TensorFlowServingRoute, tags=[TAG])

_LONG: Final = 16 * 1024
"""Bytes; a longer body is understood, and answered, on threads: examples are slow to read."""


@schemas.at_each_address(router.post, ":classify", "Classify examples", schemas.CLASSIFY)
async def classify(request: Context) -> Response:
    """Run a classification signature on examples; each gets its labels and scores.

    Beyond what TensorFlow Serving does, a model of ours that classifies images takes examples of
    one feature, the file: `{"examples": [{"image": {"b64": "…"}}]}`. The best class comes first.
    """
    return await _respond(request, saved_model.CLASSIFY)


@schemas.at_each_address(router.post, ":regress", "Regress examples", schemas.REGRESS)
async def regress(request: Context) -> Response:
    """Run a regression signature on examples; each gets its value."""
    return await _respond(request, saved_model.REGRESS)


async def _respond(request: Context, method: str) -> Response:
    spec = model_spec.from_path(request.path_params, request.routing_key)
    body = await read_inflated(request)
    asked = _read(method, body) if len(body) < _LONG else await to_thread(_read, method, body)
    return await while_connected(request, _answer(request, spec, asked))


class _Asked(NamedTuple):
    """What is to be done to which examples."""

    method: str
    signature: str | None
    examples: list[Mapping[str, Any]]
    size: int
    """Bytes of the body."""


def _read(method: str, body: bytes) -> _Asked:
    document = Document.read(body)
    return _Asked(method, document.signature, read_examples(document), len(body))


async def _answer(request: Context, spec: ModelSpec, asked: _Asked) -> Response:
    engine = request.engine
    with await model_spec.lease(engine.repository, spec) as lease:
        name = signature_name(lease, asked.signature)
        if asked.method == saved_model.CLASSIFY and takes_images(lease, name):
            results: Any = await classify_images(engine, lease, asked.examples)
        else:
            results = await _run(engine, lease, name, asked)
        reply = JSONReply(orjson.dumps({"results": results}))
        return named(reply, lease.model.export.name, lease.model.export.version)


async def _run(engine: Engine, lease: Lease, name: str, asked: _Asked) -> Any:
    key = input_of(lease, name, asked.method)
    is_long = asked.size >= _LONG
    sent = asked.examples
    examples = await to_thread(_serialized, sent) if is_long else _serialized(sent)
    outputs = await infer(engine, lease, {key: examples}, signature=name)
    write = _classes if asked.method == saved_model.CLASSIFY else _values
    return await to_thread(write, outputs, len(sent)) if is_long else write(outputs, len(sent))


def _serialized(examples: Sequence[Mapping[str, Any]]) -> NDArray[Any]:
    return strings([serialized(each) for each in examples], [len(examples)])


def _classes(outputs: Tensors, count: int) -> orjson.Fragment:
    """A label and a score for each class of each example."""
    labels, scores = labels_and_scores(outputs, count)
    return listed(
        [
            [rendered(labels[row, column, ...]), rendered(scores[row, column, ...])]
            for column in range(labels.shape[1])
        ]
        for row in range(count)
    )


def _values(outputs: Tensors, count: int) -> orjson.Fragment:
    """A number for each example."""
    return rendered(values(outputs, count))
