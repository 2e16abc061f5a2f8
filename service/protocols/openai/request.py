"""Reads a request for embeddings by hand: schema work would cost more than a small model does."""

from __future__ import annotations

from collections.abc import Sequence
from types import UnionType
from typing import Any, Final, Literal, NamedTuple, cast, get_args

import numpy as np
import orjson

from service.codecs.base64 import from_base64
from service.codecs.shown import shown
from service.engine.embed import Purpose
from service.engine.inputs import Input
from service.errors import InvalidInput
from service.preprocessing.tokenizer import Tokens
from service.repository.model_spec import ModelSpec
from service.settings import Settings

EncodingFormat = Literal["float", "base64"]
"""Numbers in JSON, or base64 of little-endian float32."""

_LONGEST: Final = 100
"""Characters of a value that a message quotes."""
_PURPOSES: Final = get_args(Purpose)
_FORMATS: Final = get_args(EncodingFormat)
_TOKENS_REFUSED: Final = (
    "'input' holds token ids. They come from clients that guess the tokenizer, and by another "
    "model's their vectors would mean nothing: send texts (LangChain: "
    "OpenAIEmbeddings(check_embedding_ctx_length=False)). Where callers do send this model's own "
    "ids, the operator sets TOKEN_INPUTS=true"
)


class EmbeddingRequest(NamedTuple):
    """What is to be embedded, and how."""

    inputs: Sequence[Input]
    spec: ModelSpec
    encoding_format: EncodingFormat
    dimensions: int | None
    truncate: bool
    purpose: Purpose | None


def read(body: bytes, settings: Settings) -> EmbeddingRequest:
    """The request that a body holds.

    Raises:
        InvalidInput: it is no JSON object, or a field is missing, unknown or malformed.
    """
    try:
        asked = orjson.loads(body)
    except ValueError as error:
        raise InvalidInput(f"the body is no JSON: {error}") from None
    if not isinstance(asked, dict):
        raise InvalidInput(f"the body is a JSON object; got {shown(asked)}")
    for name, value in asked.items():
        check = _CHECKS.get(name)
        if check is None:
            raise InvalidInput(
                f"unknown field {shown(name)}; known fields: {', '.join(_CHECKS)}",
                param=name[:_LONGEST],
            )
        if value is not None and not check.holds(value):
            raise InvalidInput(f"'{name}' is {check.expected}; got {shown(value)}", param=name)
    get = asked.get
    if get("model") is None:
        raise InvalidInput("you must provide a model parameter", param="model")
    return EmbeddingRequest(
        inputs=_inputs(get("input"), get("modality") or "text", settings),
        spec=ModelSpec(asked["model"], get("version"), get("label"), get("key")),
        encoding_format=get("encoding_format") or "float",
        dimensions=get("dimensions"),
        truncate=get("truncate") or False,
        purpose=get("input_type"),
    )


class _Check(NamedTuple):
    """What a field is."""

    expected: str
    kind: type | UnionType
    values: tuple[str, ...] = ()

    def holds(self, value: Any) -> bool:
        """Whether a value, which is not null, may stand there."""
        if not isinstance(value, self.kind):
            return False
        if self.kind is int:
            return type(value) is int and value >= 1  # true and false are integers to Python
        return not self.values or value in self.values


_COUNT: Final = "an integer of 1 or more"
_CHECKS: Final = {
    "input": _Check("a text or a list of texts", str | list),
    "model": _Check("a model's name", str),
    "encoding_format": _Check('"float" or "base64"', str, _FORMATS),
    "dimensions": _Check(_COUNT, int),
    "user": _Check("a string", str),
    "modality": _Check(
        '"text" or "image": no model here embeds anything else', str, ("text", "image")
    ),
    "truncate": _Check("true or false", bool),
    "input_type": _Check('"query" or "document"', str, _PURPOSES),
    "version": _Check(_COUNT, int),
    "label": _Check("a string", str),
    "key": _Check("a string", str),
}
"""The fields by name; each may be null, which says no more than leaving it out."""


def _inputs(given: str | list[Any] | None, modality: str, settings: Settings) -> Sequence[Input]:
    if given is None:
        raise InvalidInput("'input' is missing: send a text or a list of texts", param="input")
    if isinstance(given, str):
        given = [given]
    if not given:
        raise InvalidInput("'input' is an empty list: send one text or more", param="input")
    if modality == "text" and isinstance(given[0], int | list):
        return _token_lists(given, settings)
    most = settings.max_texts if modality == "text" else settings.max_images
    _check_count(len(given), most, modality)
    for index, each in enumerate(given):
        if not isinstance(each, str):
            raise InvalidInput(
                f"input[{index}] is a string, as each is; got {shown(each)}",
                param=f"input[{index}]",
            )
    if modality == "image":
        return [from_base64(each, f"input[{index}]") for index, each in enumerate(given)]
    for index, each in enumerate(given):
        if each.startswith("data:image/"):
            raise InvalidInput(
                f"input[{index}] is an image, and would be read as a text: send "
                '"modality": "image"',
                param="modality",
            )
    return cast(list[str], given)


def _token_lists(given: list[Any], settings: Settings) -> list[Input]:
    """Token ids: of one text, or lists of those of several."""
    if not settings.token_inputs:
        raise InvalidInput(_TOKENS_REFUSED, param="input")
    lists = given if isinstance(given[0], list) else [given]
    _check_count(len(lists), settings.max_texts, "text")
    return [_tokens(each, index) for index, each in enumerate(lists)]


def _tokens(given: Any, index: int) -> Tokens:
    # Booleans are integers to Python.
    if isinstance(given, list) and all(type(each) is int for each in given):
        try:
            return np.array(given, np.int32)
        except OverflowError:
            pass
    raise InvalidInput(
        f"input[{index}] is a list of token ids, integers below 2³¹, as the first is; "
        f"got {shown(given)}",
        param=f"input[{index}]",
    )


def _check_count(count: int, most: int, modality: str) -> None:
    if count > most:
        raise InvalidInput(
            f"'input' has {count} {modality}s; at most {most} are taken: send them in parts",
            param="input",
        )
