"""The inputs of a request, which know the request's field that holds them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

from service.errors import RequestError, ServiceError
from service.preprocessing.image import EncodedImage
from service.preprocessing.tokenizer import Tokens

Input: TypeAlias = str | bytes | Tokens
"""A text, the file of an image, or the tokens of a text: int32 (T,)."""


class Inputs(NamedTuple):
    """Texts, image files and tokens, and what the request calls them."""

    values: Sequence[Input]
    field: str = "input"
    """The request's field."""
    names: Sequence[str] | None = None
    """The name of each input; left out, they are `field[0]`, `field[1]` and so on."""
    may_truncate: bool = True
    """Whether the request could ask for texts that are too long to be truncated."""

    def name(self, index: int) -> str:
        """What the request calls one input, such as `documents[2]`."""
        return f"{self.field}[{index}]" if self.names is None else self.names[index]

    def error(self, index: int, error: Exception) -> Exception:
        """The same error, which names the input where the caller can mend it."""
        if not isinstance(error, RequestError):
            return error
        name = self.name(index)
        return type(error)(f"{name}: {error.message}", param=name)

    def checked(self, indices: Sequence[int], rows: Sequence[Any]) -> Sequence[Any]:
        """The rows made of the inputs at `indices`, where none of them is an error.

        Raises:
            ServiceError: the first error; `param` names its input.
        """
        for index, row in zip(indices, rows, strict=True):
            if isinstance(row, Exception):
                raise self.error(index, row)
        return rows

    def open_images(self, indices: Sequence[int], max_pixels: int) -> list[EncodedImage]:
        """The image files at `indices`, their headers read.

        Raises:
            InvalidImage: one is no image, or has more than `max_pixels` pixels.
        """
        images = []
        for index in indices:
            file = self.values[index]
            assert isinstance(file, bytes)  # noqa: S101 — callers tell inputs apart
            try:
                images.append(EncodedImage.open(file, max_pixels=max_pixels))
            except ServiceError as error:
                raise self.error(index, error) from None
        return images
