"""Documents in order by a query, as Cohere's and TEI's clients ask for them."""

from __future__ import annotations

import base64
from typing import Any

import httpx
import numpy as np
import pytest

from tests.exports_encoder import COLOURS
from tests.images import encode
from tests.server import Server

DOCUMENTS = ["green", "red", "blue", "the red"]


def _image(colour: str) -> dict[str, str]:
    file = encode(np.full((8, 8, 3), COLOURS[colour], np.uint8))
    return {"image": base64.b64encode(file).decode()}


def _post(server: Server, **body: Any) -> httpx.Response:
    return server.client.post("/v1/rerank", json=body)


def test_the_nearest_come_first(colours: Server) -> None:
    reply = _post(colours, model="colours", query="red", documents=DOCUMENTS)
    assert reply.status_code == 200, reply.text
    answer = reply.json()
    assert answer["id"]
    assert {each["index"] for each in answer["results"][:2]} == {1, 3}
    scores = [each["relevance_score"] for each in answer["results"]]
    assert scores == sorted(scores, reverse=True)
    assert len(scores) == 4
    assert all(each.keys() == {"index", "relevance_score"} for each in answer["results"])
    # The query has its prompt of two words before it, the documents have none.
    assert answer["usage"] == {"prompt_tokens": 5 + 3 + 3 + 3 + 4, "total_tokens": 18}


def test_texts_is_another_name_and_top_n_bounds(colours: Server) -> None:
    one = _post(colours, query="red", documents=DOCUMENTS, top_n=2).json()["results"]
    other = _post(colours, query="red", texts=DOCUMENTS, top_n=2).json()["results"]
    assert one == other
    assert len(one) == 2
    assert len(_post(colours, query="red", texts=DOCUMENTS, top_n=9).json()["results"]) == 4


def test_the_bodies_of_coheres_clients_are_taken(colours: Server) -> None:
    body = {
        "model": "colours",
        "query": "red",
        "documents": [*DOCUMENTS, "red " * 40],
        "top_n": None,
        "return_documents": None,
        "max_tokens_per_doc": 4096,
        "priority": 0,
    }
    reply = colours.client.post("/cohere/v2/rerank", json=body)
    assert reply.status_code == 200, reply.text
    assert {each["index"] for each in reply.json()["results"][:3]} == {1, 3, 4}
    assert len(reply.json()["results"]) == 5
    assert (
        _post(colours, **body | {"max_tokens_per_doc": None, "truncate": None}).status_code == 400
    )


def test_images_are_ranked_and_given_back(colours: Server) -> None:
    documents = [_image("green"), "blue", _image("white"), {"text": "red"}]
    reply = _post(
        colours, query=_image("white"), documents=documents, return_documents=True, top_n=4
    )
    results = reply.json()["results"]
    assert results[0]["index"] == 2
    found = {each["index"]: each["document"] for each in results}
    assert found == {0: documents[0], 1: {"text": "blue"}, 2: documents[2], 3: {"text": "red"}}


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"documents": ["red"]}, "query"),
        ({"query": "red"}, None),
        ({"query": "red", "documents": ["red"], "texts": ["red"]}, None),
        ({"query": "red", "documents": []}, "documents"),
        ({"query": "", "documents": ["red"]}, "query"),
        ({"query": "red", "texts": ["red", ""]}, "texts[1]"),
        ({"query": "red", "texts": ["red", {"image": "AAAA"}]}, "texts[1]"),
        ({"query": "red", "texts": ["red"], "top_n": 0}, "top_n"),
    ],
)
def test_an_error_names_the_field_it_is_in(
    colours: Server, body: dict[str, Any], param: str | None
) -> None:
    reply = _post(colours, **body)
    assert reply.status_code == 400, reply.text
    error = reply.json()["error"]
    assert error["param"] == param
    assert (param or "'documents'") in error["message"]
