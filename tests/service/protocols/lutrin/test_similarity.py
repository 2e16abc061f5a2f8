"""How near things are: the arithmetic, and the route that answers with it."""

from __future__ import annotations

import base64
from typing import Any

import httpx
import numpy as np
import pytest

from service.engine.vectors import cosines, probabilities, ranking, unit
from tests.exports_encoder import COLOURS, LONGEST
from tests.images import encode
from tests.server import Server


def test_the_cosine_minds_no_lengths_and_zeros_are_near_nothing() -> None:
    a = np.array([[2, 0], [0, 0]], np.float32)
    b = np.array([[5, 0], [0, 1], [-3, 0], [1, 1]], np.float32)
    expected = [[1, 0, -1, 0.5**0.5], [0, 0, 0, 0]]
    np.testing.assert_allclose(cosines(a, b), expected, atol=1e-6)
    np.testing.assert_allclose(unit(a), [[1, 0], [0, 0]])


def test_probabilities_are_the_softmax_by_the_temperature() -> None:
    found = probabilities(np.array([[0.3, 0.1], [1, -1]], np.float32), 0.01)
    np.testing.assert_allclose(found[0], [1 / (1 + np.exp(-20)), 1 / (1 + np.exp(20))], rtol=1e-5)
    np.testing.assert_allclose(found.sum(-1), 1, rtol=1e-6)


def test_equal_scores_keep_their_order() -> None:
    assert ranking(np.array([0.5, 0.9, 0.5, 0.9], np.float32)) == [1, 3, 0, 2]
    assert ranking(np.array([0.5, 0.9, 0.5], np.float32), 2) == [1, 0]


def _image(colour: str) -> dict[str, str]:
    file = encode(np.full((8, 8, 3), COLOURS[colour], np.uint8))
    return {"image": base64.b64encode(file).decode()}


def _post(server: Server, **body: Any) -> httpx.Response:
    return server.client.post("/v1/similarity", json=body)


def test_texts_and_images_against_texts_and_images(colours: Server) -> None:
    reply = _post(colours, a=["red", _image("blue")], b=[_image("red"), "blue", {"text": "white"}])
    assert reply.status_code == 200, reply.text
    assert reply.headers["x-model-name"] == reply.json()["model"] == "colours"
    scores = np.array(reply.json()["scores"])
    assert scores.shape == (2, 3)
    assert scores[0].argmax() == 0
    assert scores[1].argmax() == 1
    assert scores[0, 0] == pytest.approx(1, abs=0.01)
    assert np.abs(scores).max() <= 1


def test_they_are_the_cosines_of_what_embed_gives(colours: Server) -> None:
    texts = ["red the", "green", "a photo of blue"]
    rows = [
        each["embedding"]
        for each in colours.client.post("/v1/embed", json={"input": texts, "dimensions": 4}).json()[
            "results"
        ]
    ]
    scores = _post(colours, a=texts, b=texts[:2], dimensions=4).json()["scores"]
    np.testing.assert_allclose(scores, np.array(rows) @ np.array(rows[:2]).T, atol=1e-5)


def test_a_form_is_told_that_this_route_takes_json(colours: Server) -> None:
    for path in ("/v1/similarity", "/v1/rerank", "/v1/indexes/some/query"):
        reply = colours.client.post(path, files=[("a", b"red")])
        assert reply.status_code == 400
        assert "takes JSON, not a form" in reply.json()["error"]["message"]


def test_more_scores_than_anybody_reads_are_refused(colours: Server) -> None:
    reply = _post(colours, a=["red"] * 1000, b=["blue"] * 501)
    assert reply.status_code == 413
    assert "500000" in reply.json()["error"]["message"]
    assert len(_post(colours, a=["red"] * 1000, b=["blue"] * 500).json()["scores"]) == 1000


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"a": ["red"]}, "b"),
        ({"a": ["red"], "b": []}, "b"),
        ({"a": "red", "b": ["red"]}, "a"),
        ({"a": ["red"], "b": ["red", ""]}, "b[1]"),
        ({"a": ["red", {"image": "AAAA"}], "b": ["red"]}, "a[1]"),
        ({"a": ["red " * LONGEST], "b": ["red"]}, "a[0]"),
        ({"a": ["red"], "b": ["red"], "dimensions": 2}, "dimensions"),
        ({"a": ["red"], "b": ["red"], "c": 1}, "c"),
    ],
)
def test_an_error_names_the_field_it_is_in(
    colours: Server, body: dict[str, Any], param: str
) -> None:
    reply = _post(colours, **body)
    assert reply.status_code == 400, reply.text
    assert reply.json()["error"]["param"] == param
    assert param in reply.json()["error"]["message"]
