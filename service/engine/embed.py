"""Texts and images to embeddings of one space, mixed as a request holds them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from service.engine.concurrency import both
from service.engine.engine import Engine
from service.engine.inputs import Inputs
from service.engine.vectors import Vectors, unit
from service.errors import InputTooLarge, InvalidInput, UnsupportedTask
from service.manifest import Manifest
from service.observability import metrics
from service.preprocessing.tokenizer import Tokens
from service.repository.lease import Lease
from service.repository.model import Model
from service.settings import Settings

Purpose = Literal["query", "document"]
"""What a text is for: some models take a prompt before it."""

_AT_ONCE: Final = 4096
"""Characters that are tokenized in less time than handing them to another thread takes."""
_SLICE: Final = 128
"""Rows of one request that wait for a model at a time: others have their turn between, and a long
request takes no more than this of the queue.
"""


async def embed(
    engine: Engine,
    lease: Lease,
    inputs: Inputs,
    *,
    dimensions: int | None = None,
    truncate: bool = False,
    purpose: Purpose | None = None,
) -> Vectors:
    """The embeddings of texts, images and tokens by a leased model, cut to `dimensions`.

    With `truncate` the first tokens of a text that is too long are taken, without it that is an
    error. `purpose` is for models that take a prompt before a text.

    Raises:
        ServiceError: one of `service.errors`; `param` says which input it is about.
    """
    _check_count(inputs, engine.settings)
    if dimensions is not None:
        check_dimensions(lease.manifest, dimensions)
    run = partial(_embed, engine, inputs=inputs, truncate=truncate, purpose=purpose)
    vectors = await engine.in_time(run(lease.model))
    if lease.shadowed is not None:
        engine.shadow.embed(lease, vectors.rows, run)
    if dimensions is None:
        return vectors
    return Vectors(cut(vectors.rows, lease.manifest, dimensions), vectors.tokens)


async def _embed(
    engine: Engine, model: Model, inputs: Inputs, truncate: bool, purpose: Purpose | None
) -> Vectors:
    manifest, values = model.ready_manifest(), inputs.values
    images = [index for index, each in enumerate(values) if isinstance(each, bytes)]
    texts = [index for index, each in enumerate(values) if not isinstance(each, bytes)]
    for modality, indices in (("image", images), ("text", texts)):
        if indices and modality not in manifest.encoders:
            raise _unsupported(model, manifest, inputs.name(indices[0]))
    tokens = await _tokenize(engine, model, inputs, texts, truncate=truncate, purpose=purpose)
    pixels: Sequence[Any] = ()
    if images and manifest.image is not None:
        opened = inputs.open_images(images, engine.settings.max_image_pixels)
        pixels = inputs.checked(images, await engine.decoders.rows(opened, manifest.image))
    # The longest first, so that texts of about one length share a batch.
    texts.sort(key=lambda index: -len(tokens[index]))
    of_texts, of_images = await both(
        _run(
            model,
            manifest.encoders.get("text"),
            inputs,
            texts,
            [tokens[index] for index in texts],
        ),
        _run(model, manifest.encoders.get("image"), inputs, images, pixels),
    )
    vectors = of_texts | of_images
    rows = np.stack([vectors[index] for index in range(len(values))])
    counts = [len(tokens[index]) if index in tokens else 0 for index in range(len(values))]
    if tokens:
        metrics.TOKENS.labels(model.export.name, str(model.export.version)).inc(sum(counts))
    return Vectors(rows, counts)


async def _tokenize(
    engine: Engine,
    model: Model,
    inputs: Inputs,
    indices: Sequence[int],
    *,
    truncate: bool,
    purpose: Purpose | None,
) -> dict[int, Tokens]:
    """The tokens of the texts that stand at `indices`."""
    if not indices:
        return {}
    tokenizer, text = model.tokenizer, model.ready_manifest().text
    assert tokenizer is not None and text is not None  # noqa: S101 — as its encoders say
    prompt = text.prompts.get(purpose, "") if purpose else ""
    prompted = {
        index: each and prompt + each
        for index in indices
        if isinstance(each := inputs.values[index], str)
    }
    sent = list(prompted.values())
    encode = partial(tokenizer.encode, sent, truncate=truncate, may_truncate=inputs.may_truncate)
    is_short = sum(map(len, sent)) <= _AT_ONCE
    read = encode() if is_short else await engine.decoders.run(encode)
    found: dict[int, Tokens | InvalidInput] = dict(zip(prompted, read, strict=True))
    for index in indices:
        if isinstance(each := inputs.values[index], np.ndarray):
            found[index] = tokenizer.check(each)
    rows = inputs.checked(indices, [found[index] for index in indices])
    return dict(zip(indices, rows, strict=True))


async def _run(
    model: Model,
    signature: str | None,
    inputs: Inputs,
    indices: Sequence[int],
    rows: Sequence[Any],
) -> dict[int, NDArray[np.float32]]:
    """What a signature makes of `rows`, which are those of the inputs at `indices`."""
    answers: list[Any] = []
    for start in range(0, len(indices), _SLICE):
        assert signature is not None  # noqa: S101 — `_embed` checked it
        answers += await model.run(signature, rows[start : start + _SLICE])
    return dict(zip(indices, inputs.checked(indices, answers), strict=True))


def _check_count(inputs: Inputs, settings: Settings) -> None:
    values = inputs.values
    if not len(values):
        raise InvalidInput("the request has no input", param=inputs.field)
    images = sum(isinstance(each, bytes) for each in values)
    for count, most, kind in (
        (images, settings.max_images, "images"),
        (len(values) - images, settings.max_texts, "texts"),
    ):
        if count > most:
            raise InputTooLarge(
                f"the request has {count} {kind}; at most {most} are taken", param=inputs.field
            )


def check_dimensions(manifest: Manifest, dimensions: int) -> None:
    """Check that a model's embeddings can be cut to so many dimensions.

    Raises:
        InvalidInput: they would be useless, or have fewer dimensions.
    """
    width = manifest.width or 0
    shortest = manifest.embeddings.min_dimensions if manifest.embeddings else None
    if dimensions == width:
        return
    if shortest is None:
        raise InvalidInput(
            f"the model's embeddings have {width} dimensions and cannot be shortened; got "
            f"{dimensions}: leave 'dimensions' out",
            param="dimensions",
        )
    if not shortest <= dimensions <= width:
        raise InvalidInput(
            f"dimensions is from {shortest} to {width} for this model; got {dimensions}",
            param="dimensions",
        )


def cut(rows: NDArray[np.float32], manifest: Manifest, dimensions: int) -> NDArray[np.float32]:
    """The first `dimensions` of embeddings, of length 1 again where the whole ones are."""
    if dimensions == rows.shape[1]:
        return rows
    shorter = rows[:, :dimensions]
    promise = manifest.embeddings
    return unit(shorter) if promise and promise.normalized else shorter


def _unsupported(model: Model, manifest: Manifest, input_name: str) -> UnsupportedTask:
    name = f"'{model.export.name}'"
    if not manifest.encoders:
        return UnsupportedTask(
            f"{name} makes no embeddings; it does: {', '.join(manifest.tasks)}", param="model"
        )
    takes = " and ".join(f"{each}s" for each in manifest.encoders)
    return UnsupportedTask(
        f"{input_name} is not what {name} embeds, which is {takes}", param=input_name
    )
