"""Texts and pictures to vectors of one space, whatever mixture a request holds."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, Literal, NamedTuple, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from service.batching.decoders import Decoders
from service.engine.similarity import unit
from service.errors import InvalidInput, RequestError, ServiceError, UnsupportedTask
from service.manifest import Manifest
from service.observability import metrics
from service.preprocessing.image import Picture
from service.preprocessing.tokenizer import Tokenizer, Tokens
from service.repository.model import Model

A = TypeVar("A")
B = TypeVar("B")

Input: TypeAlias = str | bytes | Tokens
"""A text, the file of a picture, or the tokens of a text: int32 (T,)."""

Purpose = Literal["query", "document"]
"""What a text is for: some models are told by a prompt before it."""

_AT_ONCE: Final = 4096
"""Characters that are read in less time than handing them to another thread takes."""
_SLICE: Final = 128
"""Rows of one request that wait for a model at a time: others have their turn between, and a long
request takes no more than this of the queue.
"""
_PLACE: Final = re.compile(r"input(?:\[(\d+)\])?")
"""What the errors of this room call an input, or all of them."""


class Vectors(NamedTuple):
    """What a model made of a request's inputs."""

    rows: NDArray[np.float32]
    """(N, D), in the order of the inputs."""
    tokens: list[int]
    """Tokens of each input; 0 for a picture."""


class Encoder:
    """Makes vectors; what it decodes and reads runs on the threads of `decoders`."""

    def __init__(self, decoders: Decoders, max_pixels: int) -> None:
        """`max_pixels` are those of one picture."""
        self._decoders = decoders
        self._max_pixels = max_pixels

    async def embed(
        self,
        model: Model,
        inputs: Sequence[Input],
        *,
        truncate: bool = False,
        purpose: Purpose | None = None,
    ) -> Vectors:
        """The vectors of `inputs` by a loaded model, as its signatures give them.

        Raises:
            ServiceError: one of `service.errors`; `param` says which input it is about.
        """
        manifest = model.ready_manifest()
        pictures = [index for index, each in enumerate(inputs) if isinstance(each, bytes)]
        texts = [index for index, each in enumerate(inputs) if not isinstance(each, bytes)]
        for modality, indices in (("image", pictures), ("text", texts)):
            if indices and modality not in manifest.encoders:
                raise _unsupported(model, manifest, indices[0])
        tokens = await self._tokens(model, inputs, texts, truncate, purpose)
        pixels = await self._pixels(inputs, pictures, manifest)
        # The longest first, so that texts of about one length come to share a run.
        texts.sort(key=lambda index: -len(tokens[index]))
        said, seen = await both(
            _run(model, manifest.encoders.get("text"), texts, [tokens[index] for index in texts]),
            _run(model, manifest.encoders.get("image"), pictures, pixels),
        )
        vectors = said | seen
        rows = np.stack([vectors[index] for index in range(len(inputs))])
        counts = [len(tokens[index]) if index in tokens else 0 for index in range(len(inputs))]
        if tokens:
            metrics.TOKENS.labels(model.export.name, str(model.export.version)).inc(sum(counts))
        return Vectors(rows, counts)

    async def _tokens(
        self,
        model: Model,
        inputs: Sequence[Input],
        indices: Sequence[int],
        truncate: bool,
        purpose: Purpose | None,
    ) -> dict[int, Tokens]:
        """The tokens of the texts that stand at `indices`."""
        if not indices:
            return {}
        tokenizer, text = model.tokenizer, model.ready_manifest().text
        assert tokenizer is not None and text is not None  # noqa: S101 — as its encoders say
        prompt = text.prompts.get(purpose, "") if purpose else ""
        said = {
            index: each and prompt + each
            for index in indices
            if isinstance(each := inputs[index], str)
        }
        read = await self._read(tokenizer, list(said.values()), truncate)
        found: dict[int, Tokens | InvalidInput] = dict(zip(said, read, strict=True))
        for index in indices:
            if isinstance(each := inputs[index], np.ndarray):
                found[index] = tokenizer.check(each)
        return {index: _good(found[index], index) for index in indices}

    async def _read(
        self, tokenizer: Tokenizer, texts: list[str], truncate: bool
    ) -> list[Tokens | InvalidInput]:
        if sum(map(len, texts)) <= _AT_ONCE:
            return tokenizer.encode(texts, truncate=truncate)
        return await self._decoders.run(lambda: tokenizer.encode(texts, truncate=truncate))

    async def _pixels(
        self, inputs: Sequence[Input], indices: Sequence[int], manifest: Manifest
    ) -> list[Any]:
        if not indices or manifest.image is None:
            return []
        pictures = [self._open(inputs[index], index) for index in indices]
        rows = await self._decoders.rows(pictures, manifest.image)
        return [_good(row, index) for row, index in zip(rows, indices, strict=True)]

    def _open(self, file: Input, index: int) -> Picture:
        assert isinstance(file, bytes)  # noqa: S101 — told apart above
        try:
            return Picture.open(file, max_pixels=self._max_pixels)
        except ServiceError as error:
            raise _about(error, index) from None


async def both(one: Coroutine[Any, Any, A], other: Coroutine[Any, Any, B]) -> tuple[A, B]:
    """What two of a request's works give; if either fails, so does the whole, and both have ended.

    Nothing goes on for a request that was answered, on a model that it has given back.
    """
    tasks = asyncio.ensure_future(one), asyncio.ensure_future(other)
    try:
        first, second = await asyncio.gather(*tasks)
        return first, second
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        raise


@contextmanager
def speaking_of(field: str, *, is_list: bool = True) -> Iterator[None]:
    """Errors about inputs name `field`, where a request has them, such as `documents[2]`.

    What is no list, is named without a place.
    """
    try:
        yield
    except RequestError as error:
        found = _PLACE.fullmatch(error.param or "")
        if found is None:
            raise
        name = f"{field}[{found[1]}]" if found[1] and is_list else field
        message = error.message.removeprefix(f"input {found[1]}")
        said = f"{name}{message}" if message != error.message else message
        raise type(error)(said, param=name) from None


def check_dimensions(manifest: Manifest, dimensions: int) -> None:
    """Refuse to cut a model's vectors where they do not bear it.

    Raises:
        InvalidInput: they would be of no use, or there are not so many dimensions.
    """
    width = manifest.width or 0
    shortest = manifest.embeddings.min_dimensions if manifest.embeddings else None
    if dimensions == width:
        return
    if shortest is None:
        raise InvalidInput(
            f"the model's vectors have {width} dimensions and do not bear to be cut; got "
            f"{dimensions}: leave 'dimensions' out",
            param="dimensions",
        )
    if not shortest <= dimensions <= width:
        raise InvalidInput(
            f"dimensions is from {shortest} to {width} for this model; got {dimensions}",
            param="dimensions",
        )


def cut(rows: NDArray[np.float32], manifest: Manifest, dimensions: int) -> NDArray[np.float32]:
    """The first `dimensions` of vectors, of length 1 again where the whole ones are."""
    if dimensions == rows.shape[1]:
        return rows
    shorter = rows[:, :dimensions]
    promise = manifest.embeddings
    return unit(shorter) if promise and promise.normalized else shorter


async def _run(
    model: Model, signature: str | None, indices: Sequence[int], inputs: Sequence[Any]
) -> dict[int, NDArray[np.float32]]:
    """What a signature makes of `inputs`, which stand in the request at `indices`."""
    answers: list[Any] = []
    for start in range(0, len(indices), _SLICE):
        assert signature is not None  # noqa: S101 — it was asked whether there is one
        answers += await model.run(signature, inputs[start : start + _SLICE])
    return {index: _good(answer, index) for index, answer in zip(indices, answers, strict=True)}


def _good(answer: Any, index: int) -> Any:
    if isinstance(answer, Exception):
        raise _about(answer, index)
    return answer


def _about(error: Exception, index: int) -> Exception:
    """The same error, saying which input of the request it is about if that is at fault."""
    if not isinstance(error, RequestError):
        return error
    return type(error)(f"input {index}: {error.message}", param=f"input[{index}]")


def _unsupported(model: Model, manifest: Manifest, index: int) -> UnsupportedTask:
    name = f"'{model.export.name}'"
    if not manifest.encoders:
        return UnsupportedTask(
            f"{name} makes no vectors; it does: {', '.join(manifest.tasks)}", param="model"
        )
    takes = " and ".join(f"{each}s" for each in manifest.encoders)
    return UnsupportedTask(
        f"input {index} is not what {name} embeds, which is {takes}", param=f"input[{index}]"
    )
