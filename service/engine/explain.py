"""Where a classifier looked: hide one place after another, and see what its answer loses.

Zeiler and Fergus, 2013 (arXiv:1311.2901), §4.2. It needs the model's outputs alone, no gradients,
so it works on every runtime. A hidden place has the median color of the image, which is the
background of most drawings, where the paper takes grey.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import Final

import numpy as np
from numpy.typing import NDArray

from service.engine.engine import Engine
from service.engine.inputs import Inputs
from service.engine.predictions import Prediction, Probabilities, top
from service.errors import InvalidInput, UnsupportedTask
from service.repository.lease import Lease

GRID: Final = 8
"""Places in a row and in a column, where the caller does not say."""
MAX_GRID: Final = 16
"""At most: 16 × 16 places are 257 rows for the model."""

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Explanation:
    """What one class of one image depends on."""

    prediction: Prediction
    """The class that is explained."""
    pixels: Pixels
    """What the model saw: uint8 (H, W, C), 0–255."""
    importance: NDArray[np.float32]
    """float32 (grid, grid): the score less the score with that place hidden, −1 to 1."""
    runs: int
    """Rows that the model computed."""


async def explain(
    engine: Engine, lease: Lease, images: Inputs, *, index: int | None = None, grid: int = GRID
) -> Explanation:
    """Explain the class `index` of one image file, or its best class, by occlusion.

    Raises:
        ServiceError: one of `service.errors`; the image is no image, or the class is none.
    """
    labels = lease.manifest.labels
    signature = lease.signature_for("classify")
    if labels is None:
        raise UnsupportedTask(f"'{lease.model.export.name}' classifies nothing", param="model")
    if index is not None and index >= len(labels):
        raise InvalidInput(
            f"index is from 0 to {len(labels) - 1}, a class of the model; got {index}",
            param="index",
        )
    [image] = await preprocess(engine, lease, images)
    run = _run(engine, lease, signature, chain([image], occluded(image, grid)))
    before, *hidden = await engine.in_time(run)
    after = np.stack(hidden)
    chosen = int(before.argmax()) if index is None else index
    [prediction] = [each for each in top(before, labels, len(labels)) if each.index == chosen]
    importance = (before[chosen] - after[:, chosen]).reshape(grid, grid)
    return Explanation(prediction, image, importance, 1 + len(hidden))


async def preprocess(engine: Engine, lease: Lease, images: Inputs) -> list[Pixels]:
    """What the leased model sees of image files: each uint8 (H, W, C), 0–255.

    Raises:
        ServiceError: one of `service.errors`; `param` says which image it is about.
    """
    image = lease.manifest.image
    if image is None:
        raise UnsupportedTask(f"'{lease.model.export.name}' takes no images", param="model")
    indices = range(len(images.values))
    opened = images.open_images(indices, engine.settings.max_image_pixels)
    rows = await engine.in_time(engine.decoders.rows(opened, image))
    return list(images.checked(indices, rows))


def occluded(image: Pixels, grid: int) -> Iterator[Pixels]:
    """The image with each place of a grid hidden, row by row.

    A place reaches half a cell beyond its own cell, so that no stroke is cut between two of them.
    """
    height, width, _ = image.shape
    color = np.median(image.reshape(-1, image.shape[2]), axis=0).astype(np.uint8)
    for row in range(grid):
        for column in range(grid):
            copy = image.copy()
            copy[_span(row, grid, height), _span(column, grid, width)] = color
            yield copy


def _span(cell: int, grid: int, size: int) -> slice:
    step = size / grid
    first = max(0, round((cell - 0.5) * step))
    return slice(first, max(first + 1, round((cell + 1.5) * step)))


async def _run(
    engine: Engine, lease: Lease, signature: str, rows: Iterator[Pixels]
) -> list[Probabilities]:
    """The probabilities of each row; no more at once than one request may send."""
    answers: list[Probabilities] = []
    while some := list(islice(rows, engine.settings.max_images)):
        for answer in await lease.model.run(signature, some):
            if isinstance(answer, Exception):
                raise answer
            answers.append(answer)
    return answers
