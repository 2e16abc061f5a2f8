"""Texts and images in any form, mixed in one call; their vectors out, in numbers of any size."""

from __future__ import annotations

import binascii
from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any, Final, Literal

import orjson
from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema
from starlette.responses import Response

from service.engine import embed as task
from service.engine.embed import Purpose
from service.engine.inputs import Inputs
from service.engine.output_dtype import OutputDtype, convert
from service.engine.vectors import Vectors
from service.manifest import Modality
from service.protocols.http.request import Context
from service.protocols.http.route import JSONReply, named, while_connected
from service.protocols.lutrin.inputs import ONE_OR_MORE, modalities
from service.protocols.lutrin.requests import NOT_BOTH
from service.protocols.lutrin.uploads import UploadReader
from service.protocols.lutrin.uploads_document import upload
from service.protocols.lutrin.vectors import Dimensions, VectorChoice, made
from service.protocols.openai.error import OpenAIErrorRoute
from service.protocols.openai.error_document import errors
from service.protocols.openapi import example
from service.protocols.openapi.document import OF_A_MODEL

router: Final = APIRouter(route_class=OpenAIErrorRoute, tags=["Models"])


class EmbedRequest(VectorChoice):
    """Texts and images in JSON, and the options that any form takes, there or in the query."""

    model_config = ConfigDict(json_schema_extra={"required": ["input"], **NOT_BOTH})

    dimensions: Dimensions | None = None
    """How many of the first dimensions to keep, where the model's vectors bear it."""
    input_type: Purpose | None = None
    """What the texts are for, to models that have prompts by it."""
    output_dtype: OutputDtype = "float32"
    """The numbers of the vectors. `int8`: each vector has its own `scale`; `binary`: signs, eight
    dimensions in a uint8, the first in its highest bit."""
    encoding_format: Literal["float", "base64"] = "float"
    """`float`: lists of numbers; `base64`: their bytes, little-endian."""
    input: Annotated[Any, WithJsonSchema(ONE_OR_MORE)] = None
    """One input or a list of them, texts and images mixed as you like."""


_READER: Final = UploadReader(EmbedRequest, "input", texts=True)


class EmbeddedInput(BaseModel):
    """The vector of one input."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    modality: Modality
    tokens: Annotated[int, Field(ge=0)] | None = None
    """Tokens that the model read, special ones included; left out for an image."""
    scale: Annotated[float, Field(ge=0)] | None = None
    """With `int8` alone: what its numbers are multiplied by to be near the float32."""
    embedding: list[float] | str
    """The numbers, or base64 of their bytes."""


class EmbedReply(BaseModel):
    """One result for each input, in the order sent, and the model that gave them."""

    model_config = ConfigDict(
        use_attribute_docstrings=True,
        json_schema_extra={
            "example": {
                "model": example.ENCODER,
                "version": 1,
                "dimensions": 4,
                "output_dtype": "float32",
                "results": [
                    {"modality": "text", "tokens": 4, "embedding": [0.5, -0.5, 0.5, 0.5]},
                    {"modality": "image", "embedding": [0.1, -0.7, 0.1, 0.7]},
                ],
            }
        },
    )

    model: str
    version: Annotated[int, Field(ge=1)]
    dimensions: Annotated[int, Field(ge=1)]
    """Of each vector; as `binary`, an eighth as many numbers."""
    output_dtype: OutputDtype
    results: list[EmbeddedInput]


@router.post(
    "/v1/embed",
    summary="Embed texts and images",
    response_model=EmbedReply,
    response_model_exclude_none=True,
    responses=OF_A_MODEL | errors(400, 404, 413, 415, 429, 503, 504),
    openapi_extra=upload(
        _READER,
        example.ENCODER,
        {"model": example.ENCODER, "input": ["sad cat", {"image": example.FILE}]},
    ),
)
async def embed(request: Context) -> Response:
    """The vectors of texts and images, mixed in one call, in the order sent.

    Send one as the body (`curl --data-binary @cat.png -H 'Content-Type: image/png'`, or a text as
    `text/plain`), a form with repeated fields `image` and `text` (`curl -F 'text=sad cat' -F
    image=@cat.png`), or JSON.
    """
    inputs, asked = await _READER.read(request)
    vectors, model, version = await while_connected(request, _embed(request, inputs, asked))
    said = {"model": model, "version": version}
    write = partial(_render, said, inputs, vectors, asked)
    return named(JSONReply(await made(write, vectors.rows.size)), model, version)


async def _embed(
    request: Context, inputs: Sequence[str | bytes], asked: EmbedRequest
) -> tuple[Vectors, str, int]:
    engine = request.engine
    sent = modalities(inputs)
    with await engine.repository.lease(asked.spec(request), "embed", sent) as leased:
        vectors = await task.embed(
            engine,
            leased,
            Inputs(inputs),
            dimensions=asked.dimensions,
            truncate=asked.truncate,
            purpose=asked.input_type,
        )
        return vectors, leased.model.export.name, leased.model.export.version


def _render(
    said: dict[str, Any], inputs: Sequence[str | bytes], vectors: Vectors, asked: EmbedRequest
) -> bytes:
    rows, scales = convert(vectors.rows, asked.output_dtype)
    results: list[dict[str, Any]] = []
    for index, each in enumerate(inputs):
        is_text = isinstance(each, str)
        result: dict[str, Any] = {"modality": "text" if is_text else "image"}
        if is_text:
            result["tokens"] = vectors.tokens[index]
        if scales is not None:
            result["scale"] = scales[index]
        row = rows[index]
        if asked.encoding_format == "base64":
            little = row.astype(row.dtype.newbyteorder("<"), copy=False)
            result["embedding"] = binascii.b2a_base64(little.tobytes(), newline=False).decode()
        else:
            result["embedding"] = row
        results.append(result)
    said |= {"dimensions": vectors.rows.shape[1], "output_dtype": asked.output_dtype}
    return orjson.dumps(said | {"results": results}, option=orjson.OPT_SERIALIZE_NUMPY)
