"""Our own, plainest route: images in any form in, labels out, the model's or the caller's."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any, Final, cast

import orjson
from fastapi import APIRouter
from pydantic import AfterValidator, BaseModel, ConfigDict, FailFast, Field
from starlette.responses import Response

from service.engine import classify as task
from service.engine.inputs import Inputs
from service.engine.predictions import Prediction
from service.errors import InvalidInput
from service.protocols.http.request import Context
from service.protocols.http.route import JSONReply, named, while_connected
from service.protocols.lutrin.inputs import FILE, modalities
from service.protocols.lutrin.requests import NO_BOOL, NOT_BOTH, ModelChoice
from service.protocols.lutrin.uploads import UploadReader
from service.protocols.lutrin.uploads_document import upload
from service.protocols.openai.error import OpenAIErrorRoute
from service.protocols.openai.error_document import errors
from service.protocols.openapi import example
from service.protocols.openapi.document import OF_A_MODEL

router: Final = APIRouter(route_class=OpenAIErrorRoute, tags=["Models"])

_TEMPLATE: Final = r"[^{}]*\{\}[^{}]*"
_Label = Annotated[str, Field(json_schema_extra={"minLength": 1, "pattern": r"\S"})]


def _has_one_place(template: str) -> str:
    if not re.fullmatch(_TEMPLATE, template):
        raise ValueError("it has one {} in the label's place, such as 'a photo of a {}.'")
    return template


_Template = Annotated[
    str, Field(json_schema_extra={"pattern": f"^{_TEMPLATE}$"}), AfterValidator(_has_one_place)
]
_FILES: Final[dict[str, Any]] = {"minItems": 1, "items": FILE}


class ClassifyRequest(ModelChoice):
    """Images in JSON, and the options that any form takes, there or in the query."""

    model_config = ConfigDict(json_schema_extra={"required": ["images"], **NOT_BOTH})

    top_k: Annotated[int, Field(ge=1), NO_BOOL] | None = None
    """How many classes to return for each image, the best first; 5 when left out."""
    candidate_labels: Annotated[list[_Label], Field(min_length=1)] | None = None
    """Labels to choose among instead of the model's own, where it embeds texts and images: its
    classes need no training. In a form or query the field is repeated, or has them as `a,b`."""
    prompt_template: _Template | None = None
    """What a candidate label says of an image, the label in place of `{}`, such as
    `a photo of a {}.`; left out, the model's own."""
    images: Annotated[list[str], FailFast(), Field(json_schema_extra=_FILES)] = Field(
        default_factory=list
    )
    """Image files in base64, or as data URIs (`data:image/png;base64,…`)."""


_READER: Final = UploadReader(ClassifyRequest, "images", lists={"candidate_labels"})


class ClassScore(BaseModel):
    """One class and its score."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    label: str
    index: Annotated[int, Field(ge=0)]
    """Where the class stands among the model's, or among the candidates."""
    score: Annotated[float, Field(ge=0, le=1)]
    """A probability."""


class ImageReply(BaseModel):
    """The best classes of one image, scores descending."""

    predictions: list[ClassScore]


class ClassifyReply(BaseModel):
    """One result for each image, in the order sent, and the model that gave them."""

    model: str
    version: Annotated[int, Field(ge=1)]
    results: list[ImageReply]

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "model": example.MODEL,
                "version": 1,
                "results": [{"predictions": [{"label": "7", "index": 7, "score": 0.998}]}],
            }
        }
    )


@router.post(
    "/v1/classify",
    summary="Classify images",
    response_model=ClassifyReply,
    responses=OF_A_MODEL | errors(400, 404, 413, 415, 429, 503, 504),
    openapi_extra=upload(
        _READER,
        example.MODEL,
        {"model": example.MODEL, "top_k": 3, "images": [example.FILE]},
    ),
)
async def classify(request: Context) -> Response:
    """Classify one or many images.

    Send an image as the body (`curl --data-binary @digit.png -H 'Content-Type: image/png'`),
    a form with repeated fields `image` (`curl -F image=@digit.png`), or JSON with base64.

    With `candidate_labels`, a model that embeds texts and images chooses among these: the score
    is the softmax, over the candidates, of the cosine of the image and of what the label says,
    divided by the model's temperature.
    """
    inputs, options = await _READER.read(request)
    files = cast(list[bytes], inputs)  # this reader takes no texts
    if options.prompt_template is not None and options.candidate_labels is None:
        raise InvalidInput(
            "prompt_template says what candidate_labels mean, and there are none: send both",
            param="prompt_template",
        )
    results, model, version = await while_connected(request, _classify(request, files, options))
    reply = {
        "model": model,
        "version": version,
        "results": [{"predictions": predictions} for predictions in results],
    }
    return named(JSONReply(orjson.dumps(reply)), model, version)


async def _classify(
    request: Context, files: Sequence[bytes], options: ClassifyRequest
) -> tuple[list[list[Prediction]], str, int]:
    """The predictions for each image, and the model that gave them."""
    engine, labels = request.engine, options.candidate_labels
    repository, spec, images = engine.repository, options.spec(request), Inputs(files, "images")
    if labels is None:
        task.validate(images, options.top_k, engine.settings)
        with await repository.lease(spec, "classify") as lease:
            results = await task.classify(engine, lease, images, top_k=options.top_k)
    else:
        zero_shot = request.services.zero_shot
        with await repository.lease(spec, "embed", modalities([*files, *labels])) as lease:
            results = await zero_shot.classify(
                lease, images, labels, template=options.prompt_template, top_k=options.top_k
            )
    export = lease.model.export
    return results, export.name, export.version
