"""Images classified by labels that nobody trained for."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from service.manifest import Embeddings
from tests.exports_encoder import COLOURS, write_encoder
from tests.images import encode
from tests.server import Server


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Encoders that are not able to: one of texts, one that says nothing of its temperature."""
    folder = tmp_path_factory.mktemp("models")
    write_encoder(folder / "words" / "1", modalities=("text",))
    write_encoder(folder / "cool" / "1", embeddings=Embeddings())
    with Server(MODELS_DIR=folder) as running:
        yield running


def _file(colour: str) -> bytes:
    return encode(np.full((8, 8, 3), COLOURS[colour], np.uint8))


def _form(server: Server, *images: str, **fields: str | list[str]) -> httpx.Response:
    files = [("image", _file(each)) for each in images]
    return server.client.post("/v1/classify", files=files, data=fields)


def _json(server: Server, **fields: Any) -> httpx.Response:
    files = [base64.b64encode(_file("red")).decode()]
    return server.client.post("/v1/classify", json={"images": files, **fields})


def test_an_image_is_what_the_nearest_label_says(colours: Server) -> None:
    reply = _form(colours, "blue", "white", candidate_labels="red, blue,white")
    assert reply.status_code == 200, reply.text
    answer = reply.json()
    assert (answer["model"], answer["version"]) == ("colours", 1)
    assert reply.headers["x-model-name"] == "colours"
    best = [each["predictions"][0] for each in answer["results"]]
    assert [(each["label"], each["index"]) for each in best] == [("blue", 1), ("white", 2)]
    for each in answer["results"]:
        assert sum(one["score"] for one in each["predictions"]) == pytest.approx(1, abs=1e-5)


def test_scores_are_the_softmax_of_the_cosines_by_the_models_temperature(colours: Server) -> None:
    labels = ["red", "yellow", "black"]
    texts = [f"a photo of {label}" for label in labels]
    image = {"image": base64.b64encode(_file("red")).decode()}
    asked = {"a": [image], "b": texts}
    [cosines] = np.array(colours.client.post("/v1/similarity", json=asked).json()["scores"])
    expected = np.exp(cosines / 0.05) / np.exp(cosines / 0.05).sum()
    [result] = _json(colours, candidate_labels=labels).json()["results"]
    for each in result["predictions"]:
        assert each["label"] == labels[each["index"]]
        assert each["score"] == pytest.approx(expected[each["index"]], rel=1e-3)


def test_the_form_takes_labels_that_have_commas_when_the_field_is_repeated(colours: Server) -> None:
    labels = ["red, or so", "blue"]
    reply = _form(colours, "red", candidate_labels=labels)
    predictions = reply.json()["results"][0]["predictions"]
    assert {each["label"] for each in predictions} == set(labels)


def test_labels_asked_again_get_the_same_answer_and_other_templates_another(
    colours: Server,
) -> None:
    first, again = (_json(colours, candidate_labels=["red", "yellow"]).json() for _ in range(2))
    assert first == again
    other = _json(
        colours, candidate_labels=["red", "yellow"], prompt_template="black {} of the photo"
    )
    assert other.json()["results"] != first["results"]


def test_top_k_bounds_the_candidates(colours: Server) -> None:
    reply = _json(colours, candidate_labels=list(COLOURS), top_k=2)
    assert len(reply.json()["results"][0]["predictions"]) == 2
    reply = _json(colours, candidate_labels=list(COLOURS))
    assert len(reply.json()["results"][0]["predictions"]) == 5


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"candidate_labels": []}, "candidate_labels"),
        ({"candidate_labels": "red"}, "candidate_labels"),
        ({"candidate_labels": ["red", " "]}, "candidate_labels[1]"),
        ({"candidate_labels": ["red"], "prompt_template": "a photo"}, "prompt_template"),
        ({"candidate_labels": ["red"], "prompt_template": "{} {}"}, "prompt_template"),
        ({"prompt_template": "a {}"}, "prompt_template"),
        ({"candidate_labels": ["red " * 40]}, "candidate_labels[0]"),
        ({"candidate_labels": ["red"], "top_k": 0}, "top_k"),
        ({"candidate_labels": ["red"], "images": ["AAAA"]}, "images[0]"),
    ],
)
def test_an_error_names_the_field_it_is_in(
    colours: Server, fields: dict[str, Any], param: str
) -> None:
    reply = _json(colours, **fields)
    assert reply.status_code == 400, reply.text
    assert reply.json()["error"]["param"] == param


def test_a_long_label_is_not_told_of_an_option_that_there_is_not(colours: Server) -> None:
    message = _json(colours, candidate_labels=["red " * 40]).json()["error"]["message"]
    assert "tokens" in message
    assert "shorten it" in message
    assert "truncate" not in message


def test_a_model_that_cannot_says_why_and_what_can_be_asked(others: Server, server: Server) -> None:
    words = _form(others, "red", model="words", candidate_labels="red,blue").json()["error"]
    assert words["code"] == "unsupported_task"
    assert "embeds texts" in words["message"]
    cool = _form(others, "red", model="cool", candidate_labels="red,blue").json()["error"]
    assert "/v1/similarity" in cool["message"]
    [name, *_] = [each["id"] for each in server.client.get("/v1/models").json()["data"]]
    plain = _form(server, "red", model=name, candidate_labels="red,blue").json()["error"]
    assert plain["code"] == "unsupported_task"


def test_the_only_model_that_embeds_both_need_not_be_named(others: Server) -> None:
    # `words` embeds texts alone; `cool`, the other, may be left out where an image is sent.
    reply = others.client.post("/v1/embed", files=[("image", _file("red"))])
    assert reply.json()["model"] == "cool"
    several = others.client.post("/v1/embed", json={"input": "red"}).json()["error"]
    assert "several models can embed texts; name one in 'model': cool, words" in several["message"]
    assert "/v1/similarity" in _form(others, "red", candidate_labels="a").json()["error"]["message"]


def test_a_model_that_could_says_what_to_send(colours: Server) -> None:
    error = _form(colours, "red", model="colours").json()["error"]
    assert error["code"] == "unsupported_task"
    assert "candidate_labels" in error["message"]


def test_an_upgraded_model_reads_the_labels_anew(tmp_path: Path) -> None:
    write_encoder(tmp_path / "colours" / "1")
    with Server(MODELS_DIR=tmp_path) as running:
        first = _form(running, "red", candidate_labels="red,blue").json()
        write_encoder(tmp_path / "building" / "2", turned=True)
        (tmp_path / "building" / "2").rename(tmp_path / "colours" / "2")
        second, deadline = first, time.monotonic() + 20
        while second["version"] == 1:
            assert time.monotonic() < deadline, "the second version did not come"
            time.sleep(0.05)
            second = _form(running, "red", candidate_labels="red,blue").json()
    best = second["results"][0]["predictions"][0]
    assert best["label"] == "red"
    assert best["score"] == pytest.approx(first["results"][0]["predictions"][0]["score"], rel=1e-3)
