"""Images to named classes with probabilities."""

from __future__ import annotations

from functools import partial
from typing import Final

from service.engine.engine import Engine
from service.engine.inputs import Inputs
from service.engine.predictions import Prediction, Probabilities, top
from service.errors import InputTooLarge, InvalidInput, UnsupportedTask
from service.manifest import ImageInput
from service.repository.lease import Lease
from service.repository.model import Model
from service.settings import Settings

_TOP_K: Final = 5


async def classify(
    engine: Engine, lease: Lease, images: Inputs, *, top_k: int | None = None
) -> list[list[Prediction]]:
    """Classify image files by a leased model.

    Each image gets its `top_k` best classes, five when left out.

    Raises:
        ServiceError: one of `service.errors`; `param` says which image it is about.
    """
    count = validate(images, top_k, engine.settings)
    labels, image = lease.manifest.labels, lease.manifest.image
    signature = lease.signature_for("classify")
    if image is None or labels is None:
        raise UnsupportedTask(f"'{lease.model.export.name}' takes no images", param="model")
    run = partial(_probabilities, engine, images)
    answers = await engine.in_time(run(lease.model, signature, image))
    if lease.shadowed is not None:
        engine.shadow.classify(lease, answers, run)
    return [top(answer, labels, count) for answer in answers]


def validate(images: Inputs, top_k: int | None, settings: Settings) -> int:
    """Check what needs no model, so that a lazy model is not loaded for an invalid request.

    Returns how many classes each image gets.

    Raises:
        InvalidInput: there is no image, or `top_k` is out of range.
        InputTooLarge: there are more than MAX_IMAGES.
    """
    classes, count = check_top_k(top_k, settings), len(images.values)
    if not count:
        raise InvalidInput("the request has no image", param=images.field)
    if count > settings.max_images:
        raise InputTooLarge(
            f"the request has {count} images; at most {settings.max_images} are taken",
            param=images.field,
        )
    return classes


def check_top_k(asked: int | None, settings: Settings) -> int:
    """The number of classes for each image: `asked`, or five when left out.

    Raises:
        InvalidInput: it is less than 1 or more than MAX_TOP_K.
    """
    most = settings.max_top_k
    if asked is not None and not 1 <= asked <= most:
        raise InvalidInput(f"top_k is from 1 to {most}; got {asked}", param="top_k")
    return min(_TOP_K, most) if asked is None else asked


async def _probabilities(
    engine: Engine, images: Inputs, model: Model, signature: str, image: ImageInput
) -> list[Probabilities]:
    indices = range(len(images.values))
    opened = images.open_images(indices, engine.settings.max_image_pixels)
    rows = images.checked(indices, await engine.decoders.rows(opened, image))
    return list(images.checked(indices, await model.run(signature, rows)))
