"""The native routes, asked over HTTP as people ask them."""

from __future__ import annotations

import base64
import gzip
import io
import shutil
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from service.batching.images import ImageBatches
from service.engine.predictions import top
from service.exports import folder as export_folder
from service.loading import goldens
from service.preprocessing.image import EncodedImage
from service.settings import RunOptions
from tests.exports import write_classifier
from tests.images import DARK, LIGHT, encode, image
from tests.server import Server


@pytest.fixture(scope="module")
def small_limits(models_dir: Path) -> Iterator[Server]:
    limits: dict[str, Any] = {
        "MAX_BODY_BYTES": 20_000,
        "MAX_IMAGES": 3,
        "MAX_IMAGE_PIXELS": 10_000,
        "MAX_TOP_K": 2,
    }
    with Server(MODELS_DIR=models_dir, **limits) as server:
        yield server


def _raw(server: Server, body: bytes, **params: object) -> httpx.Response:
    headers = {"content-type": "image/png"}
    return server.client.post("/v1/classify", content=body, headers=headers, params=params)  # type: ignore[arg-type]  # any object is shown as text


def _json(server: Server, **fields: object) -> httpx.Response:
    return server.client.post("/v1/classify", json=fields)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _error(reply: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert reply.status_code == status, reply.text
    error: dict[str, Any] = reply.json()["error"]
    assert error.keys() == {"message", "type", "param", "code", "request_id"}
    assert error["code"] == code
    assert error["request_id"] == reply.headers["x-request-id"]
    return error


def test_a_raw_body_is_classified(server: Server) -> None:
    reply = _raw(server, LIGHT, model="shade", top_k=2)
    assert reply.status_code == 200
    body = reply.json()
    assert (body["model"], body["version"]) == ("shade", 1)
    [result] = body["results"]
    assert [each["label"] for each in result["predictions"]] == ["light", "middle"]
    assert [each["index"] for each in result["predictions"]] == [2, 1]
    assert result["predictions"][0]["score"] > result["predictions"][1]["score"] > 0


def test_scores_are_those_of_the_model_asked_without_a_server(
    server: Server, models_dir: Path
) -> None:
    options = RunOptions(runtime="tensorflow", isolation="never")
    loaded = goldens.load(export_folder.find(models_dir / "shade"), options)
    assert loaded.manifest.image is not None
    classifier = ImageBatches(loaded.programs[0]["classify"], loaded.manifest.image, 1)
    for grey in (0, 77, 128, 200):
        file = image(grey, (40, 30), "BMP")
        pixels = EncodedImage.open(file, max_pixels=10_000).decode(loaded.manifest.image)
        [answer] = classifier([pixels])
        assert not isinstance(answer, Exception)
        expected = top(answer, loaded.manifest.labels or (), 3)
        [result] = _json(server, images=[_base64(file)]).json()["results"]
        for got, want in zip(result["predictions"], expected, strict=True):
            assert got["label"] == want.label
            assert got["score"] == pytest.approx(want.score, abs=1e-5)


def test_the_three_forms_agree(server: Server) -> None:
    raw = _raw(server, DARK).json()["results"]
    form = server.client.post("/v1/classify", files=[("image", DARK)]).json()["results"]
    text = _json(server, images=[_base64(DARK)]).json()["results"]
    assert raw == form == text


def test_many_images_come_back_in_order(server: Server) -> None:
    files = [("image", ("a.png", each)) for each in (LIGHT, DARK, image(128), LIGHT)]
    reply = server.client.post("/v1/classify", files=files, data={"top_k": "1", "model": "shade"})
    labels = [result["predictions"][0]["label"] for result in reply.json()["results"]]
    assert labels == ["light", "dark", "middle", "light"]


@pytest.mark.parametrize(
    "text",
    [
        "data:image/png;base64," + _base64(LIGHT),
        base64.urlsafe_b64encode(LIGHT).decode().rstrip("="),
        base64.encodebytes(LIGHT).decode(),
        "Data:image/png;BASE64," + _base64(LIGHT),
    ],
    ids=["data-uri", "url-safe-unpadded", "line-breaks", "capitals"],
)
def test_every_spelling_of_base64_is_read(server: Server, text: str) -> None:
    [result] = _json(server, images=[text]).json()["results"]
    assert result["predictions"][0]["label"] == "light"


def test_large_and_small_images_mix(server: Server) -> None:
    files = [("image", each) for each in (image(250, (900, 700), "JPEG"), DARK)]
    reply = server.client.post("/v1/classify", files=files, params={"top_k": 1})
    labels = [result["predictions"][0]["label"] for result in reply.json()["results"]]
    assert labels == ["light", "dark"]


def test_an_octet_stream_is_an_image_too(server: Server) -> None:
    headers = {"content-type": "application/octet-stream"}
    reply = server.client.post("/v1/classify", content=LIGHT, headers=headers)
    assert reply.json()["results"][0]["predictions"][0]["label"] == "light"


def test_the_callers_request_id_comes_back(server: Server) -> None:
    reply = server.client.get("/v1/models", headers={"x-request-id": "trace-42"})
    assert reply.headers["x-request-id"] == "trace-42"
    reply = server.client.get("/v1/models", headers={"x-request-id": "two words"})
    assert reply.headers["x-request-id"] != "two words"


@pytest.mark.parametrize(
    ("fields", "status", "code", "says"),
    [
        ({"images": []}, 400, "invalid_input", "no image"),
        ({"images": ["§§"]}, 400, "invalid_input", "images[0] is not base64"),
        ({"images": ["https://x/y.png"]}, 400, "invalid_input", "fetches none"),
        ({"images": ["data:image/png,abc"]}, 400, "invalid_input", "data:<type>;base64"),
        ({"images": "abc"}, 400, "invalid_input", "images"),
        ({"images": [_base64(b"no image")]}, 400, "invalid_image", "images[0]"),
        ({"images": [_base64(LIGHT)], "top_k": 0}, 400, "invalid_input", "top_k"),
        ({"images": [_base64(LIGHT)], "top_k": True}, 400, "invalid_input", "no numbers"),
        ({"images": ["HTTPS://x/y.png"]}, 400, "invalid_input", "fetches none"),
        ({"images": [_base64(LIGHT)], "top_k": 5000}, 400, "invalid_input", "1000"),
        ({"images": [_base64(LIGHT)], "model": "nope"}, 404, "model_not_found", "shade"),
        ({"images": [_base64(LIGHT)], "version": 9}, 404, "version_not_found", "version 1"),
        ({"images": [_base64(LIGHT)], "modle": "x"}, 400, "invalid_input", "known fields: model"),
    ],
)
def test_a_wrong_request_is_told_what_is_wrong(
    server: Server, fields: dict[str, Any], status: int, code: str, says: str
) -> None:
    assert says in _error(_json(server, **fields), status, code)["message"]


def test_malformed_json_is_refused(server: Server) -> None:
    headers = {"content-type": "application/json"}
    for body in (b"{", b"[]", b"", b"\xff\xfe", b'{"images": ["\\ud800"]}'):
        reply = server.client.post("/v1/classify", content=body, headers=headers)
        _error(reply, 400, "invalid_input")


def test_a_wrong_content_type_names_the_right_ones(server: Server) -> None:
    # What curl sends when -H is forgotten
    headers = {"content-type": "application/x-www-form-urlencoded"}
    reply = server.client.post("/v1/classify", content=LIGHT, headers=headers)
    message = _error(reply, 415, "unsupported_type")["message"]
    assert "image/png" in message
    assert "multipart/form-data" in message


@pytest.mark.parametrize(
    ("body", "content_type", "says"),
    [
        (b"--x--\r\n", "multipart/form-data; boundary=x", "field 'image'"),
        (b"nothing", "multipart/form-data", "boundary"),
        (b"garbage", "multipart/form-data; boundary=x", "form"),
        (
            b'--x\r\nContent-Disposition: form-data; name="image"\r\n\r\ntext\r\n--x--\r\n',
            "multipart/form-data; boundary=x",
            "not a file",
        ),
    ],
)
def test_a_broken_form_is_refused(
    server: Server, body: bytes, content_type: str, says: str
) -> None:
    headers = {"content-type": content_type}
    reply = server.client.post("/v1/classify", content=body, headers=headers)
    assert says in _error(reply, 400, "invalid_input")["message"]


def test_an_unknown_query_parameter_is_refused(server: Server) -> None:
    error = _error(_raw(server, LIGHT, topk=3), 400, "invalid_input")
    assert error["param"] == "topk"
    assert "top_k" in error["message"]


def test_the_broken_image_of_many_is_named(server: Server) -> None:
    for size in ((28, 28), (900, 700)):  # decoded with the batch, and beside the event loop
        whole = encode(np.random.default_rng(0).integers(0, 256, size, np.uint8))
        broken = whole[: len(whole) // 2]
        error = _error(
            _json(server, images=[_base64(LIGHT), _base64(broken)]), 400, "invalid_image"
        )
        assert error["param"] == "images[1]"


def test_too_many_images_are_refused(small_limits: Server) -> None:
    four = [LIGHT] * 4
    form = small_limits.client.post("/v1/classify", files=[("image", each) for each in four])
    for reply in (form, _json(small_limits, images=[_base64(each) for each in four])):
        assert "at most 3" in _error(reply, 413, "input_too_large")["message"]
    three = small_limits.client.post("/v1/classify", files=[("image", each) for each in four[:3]])
    assert len(three.json()["results"]) == 3


def test_a_long_body_is_refused_declared_or_not(small_limits: Server) -> None:
    noise = b"x" * 30_000
    headers = {"content-type": "image/png"}
    for body in (noise, iter([noise[:15_000], noise[15_000:]])):
        reply = small_limits.client.post("/v1/classify", content=body, headers=headers)
        assert "20000" in _error(reply, 413, "input_too_large")["message"]
    form = small_limits.client.post("/v1/classify", files=[("image", noise)])
    _error(form, 413, "input_too_large")


def test_too_many_pixels_are_refused_by_the_header(small_limits: Server) -> None:
    reply = _raw(small_limits, image(0, (101, 100)))
    assert "10000" in _error(reply, 413, "input_too_large")["message"].replace(",", "")
    assert _raw(small_limits, image(0, (100, 100))).status_code == 200


def test_top_k_has_its_limit(small_limits: Server) -> None:
    error = _error(_raw(small_limits, LIGHT, top_k=3), 400, "invalid_input")
    assert error["param"] == "top_k"
    assert len(_raw(small_limits, LIGHT, top_k=2).json()["results"][0]["predictions"]) == 2


def test_the_model_list_says_what_is_served_and_how(server: Server) -> None:
    listing = server.client.get("/v1/models").json()
    assert listing["object"] == "list"
    [model] = listing["data"]
    assert (model["id"], model["object"], model["owned_by"]) == ("shade", "model", "lutrin")
    assert isinstance(model["created"], int)
    assert (model["version"], model["state"], model["tasks"]) == (1, "ready", ["classify"])
    assert (model["labels"], model["input"]["height"]) == (3, 8)
    assert (model["runtime"], model["device"]) == ("openvino", "cpu")
    assert model["precision"] in ("float32", "bfloat16")
    assert 0 <= model["golden_error"] < 0.02
    assert "converted" in model["reason"]


def test_a_body_of_endless_items_is_refused_before_it_costs_anything(server: Server) -> None:
    headers = {"content-type": "application/json"}
    for opening, item, closing in (
        (b'{"images": [', b"1,", b"1]}"),
        (b'{"images": [', b'"",', b'""]}'),
        (b"{", b'"a":1,', b'"a":1}'),
        (b'{"images": [', b"[1],", b"[1]]}"),
    ):
        body = opening + item * 2_000_000 + closing
        started = time.perf_counter()
        reply = server.client.post("/v1/classify", content=body, headers=headers)
        _error(reply, 413, "input_too_large")
        assert time.perf_counter() - started < 5


def test_an_error_quotes_no_more_than_a_line_of_the_request(server: Server) -> None:
    long = "x" * 1_000_000
    wrong: list[dict[str, Any]] = [
        {"model": long},
        {long: 1},
        {"images": ["data:" + long]},
        {"top_k": long},
    ]
    for fields in wrong:
        reply = _json(server, **({"images": [_base64(LIGHT)]} | fields))
        assert reply.status_code in (400, 404)
        assert len(reply.content) < 5000


def test_a_form_that_is_cut_off_loses_no_image_silently(server: Server) -> None:
    request = server.client.build_request(
        "POST", "/v1/classify", files=[("image", LIGHT), ("image", DARK)]
    )
    body = request.read()
    headers = {"content-type": request.headers["content-type"]}
    for length in (len(body) - 60, len(body) // 3, len(body) - 5):
        reply = server.client.post("/v1/classify", content=body[:length], headers=headers)
        assert "closing boundary" in _error(reply, 400, "invalid_input")["message"]


def test_the_query_counts_in_every_form_and_the_body_over_it(server: Server) -> None:
    def ask(params: dict[str, Any], top_k: int | None = None) -> list[httpx.Response]:
        own: dict[str, Any] = {} if top_k is None else {"top_k": top_k}
        post = server.client.post
        return [
            post("/v1/classify", params=params, json={"images": [_base64(LIGHT)], **own}),
            post("/v1/classify", params=params, files=[("image", LIGHT)], data=own),
        ]

    for reply in ask({"top_k": 2}):
        assert len(reply.json()["results"][0]["predictions"]) == 2
    for reply in ask({"top_k": 2}, top_k=1):
        assert len(reply.json()["results"][0]["predictions"]) == 1
    for reply in ask({"bogus": 1}):
        assert _error(reply, 400, "invalid_input")["param"] == "bogus"


def test_a_field_left_empty_counts_as_left_out(server: Server) -> None:
    data = {"model": "", "top_k": "", "version": ""}
    reply = server.client.post("/v1/classify?top_k=", files=[("image", LIGHT)], data=data)
    assert len(reply.json()["results"][0]["predictions"]) == 3


def test_a_compressed_body_is_refused_by_name(server: Server) -> None:
    headers = {"content-type": "image/png", "content-encoding": "gzip"}
    reply = server.client.post("/v1/classify", content=gzip.compress(LIGHT), headers=headers)
    assert "gzip" in _error(reply, 415, "unsupported_type")["message"]


@pytest.fixture(scope="module")
def two_and_a_broken_one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("several")
    write_classifier(folder / "first" / "1")
    write_classifier(folder / "second" / "3", labels=("no", "yes"))
    shutil.copytree(folder / "first", folder / "broken")
    with zipfile.ZipFile(folder / "broken" / "1" / "assets.extra" / "golden.npz", "w"):
        pass  # an archive without arrays
    with Server(MODELS_DIR=folder, wait_ready=False) as server:
        server.wait_settled()
        yield server


def test_a_model_that_fails_leaves_the_others_serving(two_and_a_broken_one: Server) -> None:
    server = two_and_a_broken_one
    models = {model["id"]: model for model in server.client.get("/v1/models").json()["data"]}
    assert {name: model["state"] for name, model in models.items()} == {
        "broken": "failed",
        "first": "ready",
        "second": "ready",
    }
    assert "golden.npz" in models["broken"]["reason"]
    reply = _raw(server, LIGHT, model="second")
    assert reply.json()["results"][0]["predictions"][0]["label"] == "yes"
    assert (reply.json()["model"], reply.json()["version"]) == ("second", 3)
    error = _error(_raw(server, LIGHT, model="broken"), 503, "not_ready")
    assert "golden.npz" in error["message"]
    ready = server.client.get("/health/ready")
    assert ready.status_code == 503
    assert "golden.npz" in ready.json()["missing"]["broken"]


def test_without_a_model_several_choices_are_listed(two_and_a_broken_one: Server) -> None:
    error = _error(_raw(two_and_a_broken_one, LIGHT), 400, "invalid_input")
    # All three promise to classify; the answer must not depend on which of them have loaded.
    assert "broken, first, second" in error["message"]
    assert error["param"] == "model"


def test_an_image_may_be_any_mode_and_form(server: Server) -> None:
    from PIL import Image

    buffer = io.BytesIO()
    Image.new("RGBA", (30, 20), (0, 0, 0, 0)).save(buffer, "PNG")  # transparent: white beneath
    assert (
        _raw(server, buffer.getvalue()).json()["results"][0]["predictions"][0]["label"] == "light"
    )
