"""Our own route to vectors, asked in each of its forms, and as nobody should."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.exports_encoder import COLOURS, LONGEST
from tests.images import encode
from tests.server import Server


def _file(colour: str, size: int = 8) -> bytes:
    return encode(np.full((size, size, 3), COLOURS[colour], np.uint8))


def _base64(colour: str) -> str:
    return base64.b64encode(_file(colour)).decode()


def _post(server: Server, **body: Any) -> httpx.Response:
    return server.client.post("/v1/embed", json=body)


def _rows(reply: httpx.Response) -> NDArray[np.float64]:
    assert reply.status_code == 200, reply.text
    return np.array([each["embedding"] for each in reply.json()["results"]])


def _error(reply: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert reply.status_code == status, reply.text
    error: dict[str, Any] = reply.json()["error"]
    assert error.keys() == {"message", "type", "param", "code", "request_id"}
    assert error["code"] == code
    return error


def test_texts_and_images_mixed_are_answered_in_order(colours: Server) -> None:
    inputs = ["red", {"image": _base64("blue")}, {"text": "the green"}, {"image": _base64("red")}]
    reply = _post(colours, input=inputs)
    answer = reply.json()
    assert (answer["model"], answer["version"], answer["dimensions"]) == ("colours", 1, 8)
    assert (reply.headers["x-model-name"], reply.headers["x-model-version"]) == ("colours", "1")
    assert answer["output_dtype"] == "float32"
    assert [each["modality"] for each in answer["results"]] == ["text", "image", "text", "image"]
    assert [each.get("tokens") for each in answer["results"]] == [3, None, 4, None]
    assert not any("scale" in each for each in answer["results"])
    rows = _rows(reply)
    assert rows[0] @ rows[3] == pytest.approx(1, abs=0.01)
    assert abs(rows[1] @ rows[3]) < 0.5


def test_a_file_or_a_text_is_sent_as_it_is(colours: Server) -> None:
    image = colours.client.post(
        "/v1/embed", content=_file("red"), headers={"content-type": "image/png"}
    )
    text = colours.client.post(
        "/v1/embed?model=colours",
        content="red",
        headers={"content-type": "text/plain; charset=utf-8"},
    )
    together = _rows(_post(colours, input=[{"image": _base64("red")}, "red"]))
    np.testing.assert_allclose(np.concatenate([_rows(image), _rows(text)]), together, atol=1e-6)


def test_a_form_keeps_the_order_of_its_fields(colours: Server) -> None:
    form = [
        ("text", (None, "blue")),
        ("image", ("a.png", _file("red"), "image/png")),
        ("text", (None, "green")),
        ("dimensions", (None, "4")),
    ]
    reply = colours.client.post("/v1/embed", files=form)  # type: ignore[arg-type]  # httpx types no None for the name of a field without one
    answer = reply.json()
    assert [each["modality"] for each in answer["results"]] == ["text", "image", "text"]
    assert answer["dimensions"] == 4
    np.testing.assert_allclose(
        _rows(reply),
        _rows(_post(colours, input=["blue", {"image": _base64("red")}, "green"], dimensions=4)),
        atol=1e-6,
    )


def test_the_query_has_options_and_the_body_goes_before_it(colours: Server) -> None:
    asked = {"input": "red", "dimensions": 5}
    reply = colours.client.post("/v1/embed?dimensions=4&output_dtype=float16", json=asked)
    assert reply.json()["dimensions"] == 5
    assert reply.json()["output_dtype"] == "float16"


@pytest.mark.parametrize(
    ("dtype", "stored"), [("float32", "<f4"), ("float16", "<f2"), ("int8", "i1"), ("binary", "u1")]
)
def test_base64_holds_the_numbers_of_the_list(colours: Server, dtype: str, stored: str) -> None:
    inputs = ["red", "the photo of yellow", "a"]
    listed = _post(colours, input=inputs, output_dtype=dtype)
    packed = _post(colours, input=inputs, output_dtype=dtype, encoding_format="base64")
    rows = np.stack(
        [
            np.frombuffer(base64.b64decode(each["embedding"]), stored)
            for each in packed.json()["results"]
        ]
    )
    np.testing.assert_array_equal(_rows(listed).astype(stored), rows)
    assert rows.shape == (3, 1 if dtype == "binary" else 8)
    assert packed.json()["dimensions"] == 8


def test_int8_has_a_scale_that_brings_the_floats_back(colours: Server) -> None:
    exact = _rows(_post(colours, input=["red", "blue"]))
    reply = _post(colours, input=["red", "blue"], output_dtype="int8")
    scales = np.array([each["scale"] for each in reply.json()["results"]])
    np.testing.assert_allclose(_rows(reply) * scales[:, np.newaxis], exact, atol=scales.max() / 2)


def test_a_purpose_puts_the_models_prompt_before_a_text(colours: Server) -> None:
    asked = _rows(_post(colours, input="red", input_type="query"))
    np.testing.assert_allclose(asked, _rows(_post(colours, input="the query red")), atol=1e-6)
    document = _rows(_post(colours, input="red", input_type="document"))  # it has no prompt
    np.testing.assert_allclose(document, _rows(_post(colours, input="red")), atol=1e-6)


def test_a_long_text_is_cut_only_where_the_caller_says_so(colours: Server) -> None:
    long = " ".join(["red"] * (LONGEST + 5))
    error = _error(_post(colours, input=["a", long]), 400, "invalid_input")
    assert error["param"] == "input[1]"
    assert str(LONGEST + 7) in error["message"]
    assert (
        _post(colours, input=["a", long], truncate=True).json()["results"][1]["tokens"] == LONGEST
    )


@pytest.mark.parametrize(
    ("body", "param", "says"),
    [
        ({}, "input", "input is a text"),
        ({"input": []}, "input", "empty list"),
        ({"input": ["red", 3]}, "input[1]", "got 3"),
        ({"input": [["red"]]}, "input[0]", "a list"),
        ({"input": {"texts": "red"}}, "input", "'texts'"),
        ({"input": {"image": "%%%"}}, "input", "base64"),
        ({"input": "data:image/png;base64,AAAA"}, "input", '{"image": '),
        ({"input": ["red", ""]}, "input[1]", "empty"),
        ({"input": ["red", "\ud800"]}, None, "surrogate"),
        ({"input": "red", "dimensions": 3}, "dimensions", "from 4 to 8"),
        ({"input": "red", "dimensions": "4"}, "dimensions", "integer"),
        ({"input": "red", "dimensions": True}, "dimensions", "dimensions: true and false are no"),
        ({"input": [True]}, "input[0]", "got true"),
        ({"input": "red", "version": "1"}, "version", 'got "1"'),
        ({"input": "red", "output_dtype": "int4"}, "output_dtype", "int4"),
        ({"input": "red", "input_type": "search"}, "input_type", "search"),
        ({"input": "red", "inputs": 1}, "inputs", "known fields"),
    ],
)
def test_what_is_wrong_is_said(
    colours: Server, body: dict[str, Any], param: str | None, says: str
) -> None:
    headers = {"content-type": "application/json"}
    content = json.dumps(body)  # which writes a lone surrogate as an escape
    error = _error(
        colours.client.post("/v1/embed", content=content, headers=headers), 400, "invalid_input"
    )
    assert error["param"] == param
    assert says in error["message"]


def test_bytes_that_are_no_text_or_no_image(colours: Server) -> None:
    latin = colours.client.post(
        "/v1/embed", content="été".encode("latin-1"), headers={"content-type": "text/plain"}
    )
    assert "UTF-8" in _error(latin, 400, "invalid_input")["message"]
    other = colours.client.post(
        "/v1/embed", content=b"red", headers={"content-type": "text/plain; charset=latin-1"}
    )
    _error(other, 415, "unsupported_type")
    form = colours.client.post("/v1/embed", files=[("image", b"no image")])
    _error(form, 400, "invalid_image")
    field = colours.client.post("/v1/embed", files=[("picture", b"red")])
    assert "'text'" in _error(field, 400, "invalid_input")["message"]
    part = ("a.txt", b"red", "text/plain; charset=utf-16")
    _error(colours.client.post("/v1/embed", files=[("text", part)]), 415, "unsupported_type")
    kind = colours.client.post(
        "/v1/embed", content=b"red", headers={"content-type": "application/pdf"}
    )
    assert "text/plain" in _error(kind, 415, "unsupported_type")["message"]


@pytest.mark.parametrize("charset", ["latin-1", "bogus", "UTF-8", "utf8"])
def test_a_form_is_in_utf_8_or_refused(colours: Server, charset: str) -> None:
    kind = f"multipart/form-data; boundary=x; charset={charset}"
    part = b'--x\r\nContent-Disposition: form-data; name="text"\r\n\r\n%b\r\n--x--\r\n'
    headers = {"content-type": kind}
    reply = colours.client.post("/v1/embed", content=part % "réd".encode(), headers=headers)
    if charset.lower().startswith("utf"):
        assert reply.json() == _post(colours, input=["réd"]).json()
        wrong = colours.client.post("/v1/embed", content=part % b"r\xe9d", headers=headers)
        assert "UTF-8" in _error(wrong, 400, "invalid_input")["message"]
    else:
        assert charset in _error(reply, 415, "unsupported_type")["message"]


def test_no_file_of_a_form_is_lost_silently(colours: Server) -> None:
    for field, file in (("picture", _file("red")), ("output_dtype", b"int8")):
        form = [("text", ("a.txt", b"red")), (field, ("a", file))]
        error = _error(colours.client.post("/v1/embed", files=form), 400, "invalid_input")
        assert error["param"] == field
        assert "'image' and 'text'" in error["message"]


def test_json_may_come_in_gzip(colours: Server) -> None:
    body = gzip.compress(json.dumps({"input": "red"}).encode())
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    reply = colours.client.post("/v1/embed", content=body, headers=headers)
    np.testing.assert_array_equal(_rows(reply), _rows(_post(colours, input="red")))


def test_a_model_that_makes_no_vectors_says_what_it_does(server: Server) -> None:
    [name, *_] = [each["id"] for each in server.client.get("/v1/models").json()["data"]]
    error = _error(_post(server, model=name, input="red"), 400, "unsupported_task")
    assert name in error["message"]


@pytest.mark.parametrize(
    "text", ["😀" * 10, "שלום עולם", "a\x00b", " ", "\u200b", "red" * 100_000], ids=ascii
)
def test_odd_texts_are_answered_or_refused_clearly(colours: Server, text: str) -> None:
    reply = _post(colours, input=text)
    assert reply.status_code == 200 or _error(reply, 400, "invalid_input")["param"] == "input"


def test_many_inputs_are_split_into_batches(colours: Server) -> None:
    names = list(COLOURS)
    rows = _rows(_post(colours, input=[names[n % 6] for n in range(2048)]))
    np.testing.assert_allclose(rows[6:12], rows[:6], atol=1e-6)
    assert rows.shape == (2048, 8)
