"""TensorFlow Serving's REST protocol where a limit is passed."""

from __future__ import annotations

import gzip
import json
import socket
from collections.abc import Iterator
from http.client import HTTPResponse
from typing import Any

import numpy as np
import pytest

from service.errors import DeadlineExceeded, NotReady, Overloaded
from service.protocols.tensorflow_serving.route import TensorFlowServingRoute
from tests.bad_requests import refusal
from tests.exports import write_classifier
from tests.server import Server


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of tight limits, without TensorFlow."""
    folder = tmp_path_factory.mktemp("small")
    write_classifier(folder / "shade" / "1")
    limits: dict[str, Any] = {"MAX_BODY_BYTES": 20_000, "MAX_QUEUE": 40, "MAX_IMAGES": 9}
    with Server(MODELS_DIR=folder, REQUEST_TIMEOUT_S=0.5, **limits) as running:
        yield running


def test_limits_hold_after_inflating(small: Server) -> None:
    path, gzipped = "/v1/models/shade:predict", {"Content-Encoding": "gzip"}
    bomb = gzip.compress(b'{"instances": [' + b" " * 10_000_000)
    reply = small.client.post(path, content=bomb, headers=gzipped)
    assert "inflates to more than the 20000 bytes" in refusal(reply, 413)
    reply = small.client.post(path, content=b" " * 20_001)
    assert "20000" in refusal(reply, 413)
    reply = small.client.post(path, content=b"no gzip", headers=gzipped)
    assert "is not gzip" in refusal(reply, 400)
    reply = small.client.post(path, content=b"{}", headers={"Content-Encoding": "br"})
    assert "Content-Encoding" in refusal(reply, 400)
    rows = np.zeros((41, 8, 8, 1), np.uint8).tolist()
    reply = small.client.post(path, json={"instances": rows})
    assert "MAX_QUEUE=40" in refusal(reply, 413)


def test_a_body_that_does_not_come_is_a_deadline_exceeded(small: Server) -> None:
    address = small.url.removeprefix("http://").split(":")
    with socket.create_connection((address[0], int(address[1])), 10) as connection:
        head = b"POST /v1/models/shade:predict HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n"
        connection.sendall(head)
        reply = HTTPResponse(connection)
        reply.begin()
        assert reply.status == 504
        assert json.load(reply) == {"error": "the body did not arrive within 0.5 s"}


def test_capacity_is_told_as_unavailable() -> None:
    statuses = [TensorFlowServingRoute.status(kind("x")) for kind in (Overloaded, NotReady)]
    assert statuses == [503, 503]
    assert TensorFlowServingRoute.status(DeadlineExceeded("x")) == 504
