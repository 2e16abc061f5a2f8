"""OpenAI's embeddings, asked as its own client and LangChain's ask, and as nobody should."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import openai
import pytest
import tiktoken
from langchain_openai import OpenAIEmbeddings

from tests.exports_encoder import COLOURS, write_encoder
from tests.images import encode
from tests.server import Server

KEY = "none is needed"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("models")
    write_encoder(folder / "colours" / "1", prompts={"query": "the query "})
    write_encoder(folder / "words" / "3", modalities=("text",))
    with Server(MODELS_DIR=folder) as running:
        yield running


@pytest.fixture(scope="module")
def client(server: Server) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{server.url}/v1", api_key=KEY, max_retries=0)


def _post(server: Server, **body: Any) -> httpx.Response:
    return server.client.post("/v1/embeddings", json={"model": "colours", **body})


def _error(reply: httpx.Response) -> dict[str, Any]:
    assert set(reply.json()) == {"error"}
    error: dict[str, Any] = reply.json()["error"]
    assert set(error) == {"message", "type", "param", "code", "request_id"}
    return error


def test_openais_client_gets_vectors_and_counted_tokens(client: openai.OpenAI) -> None:
    reply = client.embeddings.create(model="colours", input=["red", "a photo of the blue"])
    assert reply.model == "colours"
    assert [each.index for each in reply.data] == [0, 1]
    assert (reply.usage.prompt_tokens, reply.usage.total_tokens) == (10, 10)
    red = np.array(reply.data[0].embedding)
    assert red.shape == (8,)
    assert np.linalg.norm(red) == pytest.approx(1, abs=1e-6)


def test_floats_and_base64_are_the_same_bits(server: Server, client: openai.OpenAI) -> None:
    texts = ["red green", "the white", "a", "photo of black"]
    floats = client.embeddings.create(model="colours", input=texts, encoding_format="float")
    written = client.embeddings.create(model="colours", input=texts, encoding_format="base64")
    for one, other in zip(floats.data, written.data, strict=True):
        raw: Any = other.embedding  # what was asked for by name comes as it was sent
        bits = np.frombuffer(base64.b64decode(raw), "<f4")
        np.testing.assert_array_equal(np.array(one.embedding).astype(np.float32), bits)
    decoded = client.embeddings.create(model="colours", input=texts)  # base64 by default
    assert [each.embedding for each in decoded.data] == [
        np.array(each.embedding).astype(np.float32).astype(float).tolist() for each in floats.data
    ]


def test_the_asynchronous_client_and_openais_base_url(server: Server) -> None:
    async def ask() -> list[float]:
        async with openai.AsyncOpenAI(base_url=f"{server.url}/openai/v1", api_key=KEY) as each:
            reply = await each.embeddings.create(model="colours", input="red", dimensions=4)
            return reply.data[0].embedding

    vector = asyncio.run(ask())
    assert len(vector) == 4
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-6)


def test_errors_are_the_clients_own(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="nobody"):
        client.embeddings.create(model="nobody", input="red")
    with pytest.raises(openai.BadRequestError, match=r"from 4 to 8 .* got 3") as caught:
        client.embeddings.create(model="colours", input="red", dimensions=3)
    assert caught.value.param == "dimensions"
    assert caught.value.code == "invalid_input"
    assert caught.value.request_id


def test_langchain_asks_with_texts(server: Server) -> None:
    chain = OpenAIEmbeddings(
        model="colours",
        base_url=f"{server.url}/v1",
        api_key=KEY,  # type: ignore[arg-type]  # it takes a string too
        check_embedding_ctx_length=False,
    )
    documents = np.array(chain.embed_documents(["red", "blue", "white"]))
    query = np.array(chain.embed_query("a photo of the blue"))
    assert (documents @ query).argmax() == 1
    assert asyncio.run(chain.aembed_documents(["red"])) == chain.embed_documents(["red"])


def test_langchain_as_it_comes_sends_token_ids_and_is_told_the_remedy(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Its own vocabularies come from the internet; of any, it sends the ids.
    ranks = {bytes([byte]): byte for byte in range(256)}
    encoding = tiktoken.Encoding(
        "bytes", pat_str=r"\S+|\s+", mergeable_ranks=ranks, special_tokens={}
    )
    monkeypatch.setattr(tiktoken, "get_encoding", lambda name: encoding)
    chain = OpenAIEmbeddings(
        model="colours",
        base_url=f"{server.url}/v1",
        api_key=KEY,  # type: ignore[arg-type]  # it takes a string too
    )
    with pytest.raises(openai.BadRequestError, match="check_embedding_ctx_length=False"):
        chain.embed_query("red")


@pytest.mark.parametrize("tokens", [[5, 7], [[5, 7], [4]]])
def test_token_ids_are_refused_with_the_remedy(server: Server, tokens: list[Any]) -> None:
    reply = _post(server, input=tokens)
    error = _error(reply)
    assert (reply.status_code, error["param"]) == (400, "input")
    assert "check_embedding_ctx_length=False" in error["message"]
    assert "TOKEN_INPUTS=true" in error["message"]


def test_token_ids_are_taken_where_callers_send_the_models_own(tmp_path: Path) -> None:
    write_encoder(tmp_path / "colours" / "1")
    with Server(MODELS_DIR=tmp_path, TOKEN_INPUTS="true") as running:  # noqa: S106 — no password
        [text] = _post(running, input=["red"]).json()["data"]
        for tokens in ([2, 4, 3], [[2, 4, 3]]):
            reply = _post(running, input=tokens).json()
            assert reply["data"] == [text]
            assert reply["usage"]["prompt_tokens"] == 3
        assert "from 0 to 14" in _error(_post(running, input=[[2, 100264, 3]]))["message"]


def test_images_come_by_modality(server: Server) -> None:
    files = [encode(np.full((9, 9, 3), COLOURS[name], np.uint8)) for name in ("red", "blue")]
    plain, uri = (base64.b64encode(file).decode() for file in files)
    images = [plain, f"data:image/png;base64,{uri}"]
    reply = _post(server, input=images, modality="image").json()
    seen = np.array([each["embedding"] for each in reply["data"]])
    said = _post(server, input=["blue", "red"]).json()
    words = np.array([each["embedding"] for each in said["data"]])
    assert (seen @ words.T).argmax(axis=1).tolist() == [1, 0]
    assert reply["usage"] == {"prompt_tokens": 0, "total_tokens": 0}


@pytest.mark.parametrize(
    ("body", "reason", "param"),
    [
        ({"input": ["data:image/png;base64,AAAA"]}, '"modality": "image"', "modality"),
        ({"input": "https://example.org/a.png", "modality": "image"}, "is a URL", "input[0]"),
        ({"input": "AAAA", "modality": "image"}, "input[0]: ", "input[0]"),
        ({"input": "red", "modality": "audio"}, '"text" or "image"', "modality"),
        ({"input": "AAAA", "model": "words", "modality": "image"}, "which is texts", "input[0]"),
    ],
)
def test_what_is_no_image_is_said(
    server: Server, body: dict[str, Any], reason: str, param: str
) -> None:
    reply = _post(server, **body)
    assert reply.status_code == 400
    error = _error(reply)
    assert reason in error["message"]
    assert error["param"] == param


def test_two_thousand_texts_come_back_in_their_order(server: Server) -> None:
    names = list(COLOURS)
    texts = [f"{names[index % 6]} {'a ' * (index % 9)}" for index in range(2048)]
    reply = _post(server, input=texts)
    assert reply.status_code == 200
    assert [each["index"] for each in reply.json()["data"]] == list(range(2048))
    for index in (0, 5, 1000, 2047):
        alone = _post(server, input=texts[index]).json()["data"][0]["embedding"]
        together = reply.json()["data"][index]["embedding"]
        np.testing.assert_allclose(together, alone, atol=1e-5)
    refused = _post(server, input=[*texts, "red"])
    assert (refused.status_code, "2049 texts" in refused.text) == (400, True)


def test_a_purpose_puts_the_models_prompt_before_a_text(server: Server) -> None:
    asked = _post(server, input="red", input_type="query").json()
    written = _post(server, input="the query red").json()
    assert asked == written


def test_a_long_text_is_cut_only_when_the_caller_says_so(server: Server) -> None:
    megabyte = "red " * 249_000
    refused = _post(server, input=megabyte)
    assert refused.status_code == 400
    assert "has 249002 tokens and the model takes 16" in _error(refused)["message"]
    assert _post(server, input=megabyte, truncate=True).json()["usage"]["prompt_tokens"] == 16


@pytest.mark.parametrize(
    "text", ["\x00", " ", "שלום עולם", "😀" * 10_000, "\u202ered\u202c", "a\u0301" * 500]
)
def test_strange_texts_are_answered(server: Server, text: str) -> None:
    reply = _post(server, input=text, truncate=True)
    assert reply.status_code == 200, reply.text
    assert np.isfinite(reply.json()["data"][0]["embedding"]).all()


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b'{"model": "colours", "input": ""}', "input[0]"),
        (b'{"model": "colours", "input": ["red", ""]}', "input[1]"),
        (b'{"model": "colours", "input": []}', "input"),
        (b'{"model": "colours"}', "input"),
        (b'{"model": "colours", "input": null}', "input"),
        (b'{"model": "colours", "input": 5}', "input"),
        (b'{"model": "colours", "input": {"a": 1}}', "input"),
        (b'{"model": "colours", "input": ["red", 5]}', "input[1]"),
        (b'{"model": "colours", "input": ["red", ["blue"]]}', "input[1]"),
        (b'{"input": "red"}', "model"),
        (b'{"model": 7, "input": "red"}', "model"),
        (b'{"model": "colours", "input": "red", "dimensions": 0}', "dimensions"),
        (b'{"model": "colours", "input": "red", "dimensions": true}', "dimensions"),
        (b'{"model": "colours", "input": "red", "dimensions": 4.0}', "dimensions"),
        (b'{"model": "colours", "input": "red", "encoding_format": "hex"}', "encoding_format"),
        (b'{"model": "colours", "input": "red", "truncate": "yes"}', "truncate"),
        (b'{"model": "colours", "input": "red", "speed": 9}', "speed"),
        (b'{"model": "colours", "input": "red", "version": 1, "label": "stable"}', "label"),
        (b'{"model": "colours", "input": "\\ud83d"}', None),
        (b'{"model": "colours", "input": NaN}', None),
        (b'{"model": "colours", "input": "red"', None),
        (b"[" * 100_000, None),
        (b'"red"', None),
        (b"", None),
        (b"\xff\xfe", None),
    ],
)
def test_what_is_no_request_is_a_clear_400(server: Server, body: bytes, param: str | None) -> None:
    headers = {"content-type": "application/json"}
    reply = server.client.post("/v1/embeddings", content=body, headers=headers)
    assert reply.status_code == 400, reply.text
    assert _error(reply)["param"] == param


def test_each_answer_says_who_gave_it_and_tokens_are_counted(server: Server) -> None:
    reply = server.client.post("/v1/embeddings", json={"model": "words", "input": "red"})
    assert (reply.headers["x-model-name"], reply.headers["x-model-version"]) == ("words", "3")
    counted = server.client.get("/metrics").text
    assert 'lutrin_tokens_total{model="words",version="3"} 3.0' in counted


def test_the_list_of_models_says_what_embeds(server: Server) -> None:
    described = {each["id"]: each for each in server.client.get("/v1/models").json()["data"]}
    assert described["colours"]["tasks"] == ["embed"]
    assert described["words"]["tasks"] == ["embed"]
    assert described["colours"]["modalities"] == ["image", "text"]
    words = described["words"]
    assert (words["modalities"], words["width"], words["max_length"]) == (["text"], 8, 16)
