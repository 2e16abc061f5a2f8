"""Requests for embeddings as they are read, and their answers' bits."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import orjson
import pytest

from service.engine.vectors import Vectors
from service.errors import InvalidInput
from service.protocols.openai.reply import render
from service.protocols.openai.request import EmbeddingRequest, read
from service.repository.model_spec import ModelSpec
from service.settings import Settings

SETTINGS = Settings()
OWN_TOKENS = Settings(token_inputs=True)


def _read(settings: Settings = SETTINGS, **fields: Any) -> EmbeddingRequest:
    return read(orjson.dumps({"model": "colours", **fields}), settings)


def test_every_field_is_read() -> None:
    asked = _read(
        input=["red"],
        encoding_format="base64",
        dimensions=4,
        user="somebody",
        modality="text",
        truncate=True,
        input_type="query",
        version=2,
        key="a session",
    )
    spec = ModelSpec("colours", 2, None, "a session")
    assert asked == EmbeddingRequest(["red"], spec, "base64", 4, True, "query")


def test_null_says_no_more_than_leaving_it_out() -> None:
    fields = set(EmbeddingRequest._fields) - {"inputs", "spec", "purpose"}
    others = ["version", "label", "key", "user", "modality", "input_type"]
    nulls: Any = dict.fromkeys([*fields, *others])
    assert _read(input="red", **nulls) == _read(input="red")
    assert _read(input="red").encoding_format == "float"


def test_of_a_field_given_twice_the_last_is_taken() -> None:
    body = b'{"model": "a", "input": "red", "input": "blue", "model": "b"}'
    asked = read(body, SETTINGS)
    assert (asked.inputs, asked.spec.name) == (["blue"], "b")


@pytest.mark.parametrize("field", ["dimensions", "version"])
@pytest.mark.parametrize("number", ["1e400", "-1", "0", "1.5", "9" * 400, "true", '"4"', "[4]"])
def test_what_is_no_count_is_refused(field: str, number: str) -> None:
    body = f'{{"model": "colours", "input": "red", "{field}": {number}}}'.encode()
    with pytest.raises(InvalidInput) as caught:
        read(body, SETTINGS)
    assert len(caught.value.message) < 300


@pytest.mark.parametrize("depth", [300, 900, 100_000])
def test_what_is_nested_deeply_is_refused(depth: int) -> None:
    for field in ("input", "user", "more"):
        nested = b"[" * depth + b"]" * depth
        body = b'{"model": "colours", "input": "red", "%b": %b}' % (field.encode(), nested)
        with pytest.raises(InvalidInput):
            read(body, SETTINGS)


@pytest.mark.parametrize("tokens", [[2**31], [5, 2**70], [5, True], [5, "red"], [5, [5]], [[5], 5]])
def test_what_are_no_token_ids_is_refused(tokens: list[Any]) -> None:
    body = f'{{"model": "colours", "input": {str(tokens).replace("T", "t")}}}'.replace("'", '"')
    with pytest.raises(InvalidInput, match="a list of token ids"):
        read(body.encode(), OWN_TOKENS)


def test_images_are_counted_before_they_are_decoded() -> None:
    with pytest.raises(InvalidInput, match="65 images; at most 64"):
        _read(input=["not base64!"] * 65, modality="image")


def test_answers_have_the_vectors_bits() -> None:
    rng = np.random.default_rng(3)
    any_bits = rng.integers(0, 2**32, 40_000, np.uint32).view(np.float32)
    finite = any_bits[np.isfinite(any_bits)][:39_000].reshape(-1, 390)
    edges = np.array([[0.0, -0.0, 1.0, -1.0, 1e-45, 3.4028235e38, 1 / 3, 1.1754942e-38]], "f4")
    for rows in (finite, edges, finite[:, :7], finite / 3):
        vectors = Vectors(rows.astype(np.float32, copy=False), [1] * len(rows))
        floats = orjson.loads(render(vectors, "colours", "float"))["data"]
        written = orjson.loads(render(vectors, "colours", "base64"))["data"]
        for row, one, other in zip(vectors.rows, floats, written, strict=True):
            assert np.array(one["embedding"]).astype("<f4").tobytes() == row.tobytes()
            assert base64.b64decode(other["embedding"]) == row.tobytes()
