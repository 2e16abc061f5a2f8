"""Texts to tokens, as an export's `tokenizer.json` says. The service's only tokenizers import."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from service.errors import InvalidExport, InvalidInput
from service.manifest import TextInput, tokenizer_path

if TYPE_CHECKING:
    import tokenizers

# Its threads would take the cores from the models: read by one, a short text costs less, too.
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

Tokens = NDArray[np.int32]
"""The tokens of one text, int32 (T,), special ones among them, no padding."""

_MOST_CHARACTERS: Final = 1_000_000
"""Of one text, and of those that are read at a time: each costs some 120 bytes while it is read."""


class Tokenizer:
    """How one model reads texts."""

    def __init__(self, contents: str, text: TextInput) -> None:
        """Read the contents of a `tokenizer.json`.

        Raises:
            InvalidExport: it cannot be read, or the padding is none of its tokens.
        """
        self._contents = contents
        self._text = text
        self._whole = _tokenizer(contents)
        self.vocabulary_size: int = self._whole.get_vocab_size()
        """How many tokens there are; they are numbered from 0."""
        if text.padding >= self.vocabulary_size:
            raise InvalidExport(
                f"the manifest pads texts with the token {text.padding}, and tokenizer.json has "
                f"{self.vocabulary_size}: export it again"
            )

    @classmethod
    def read(cls, export: Path, text: TextInput) -> Tokenizer:
        """Read the tokenizer of the export in the folder `export`.

        Raises:
            InvalidExport: it is missing or cannot be read.
        """
        path = tokenizer_path(export)
        try:
            return cls(path.read_text("utf-8"), text)
        except (OSError, UnicodeError) as error:
            raise InvalidExport(
                f"{path.name}, by which the manifest reads texts, cannot be read: {error}: "
                "export it again"
            ) from error

    def encode(
        self, texts: Sequence[str], *, truncate: bool = False, may_truncate: bool = True
    ) -> list[Tokens | InvalidInput]:
        """The tokens of each text; an error stands for one that the model cannot take.

        Of a longer text than the model takes, the first tokens are kept with `truncate`; without
        it, it is an error that says how many there are, and how to ask for `truncate` where the
        caller may.
        """
        reasons = [_unreadable(text) for text in texts]
        readable = [text for text, reason in zip(texts, reasons, strict=True) if not reason]
        tokenizer = self._truncating if truncate else self._whole
        read = (
            self._checked(encoding.ids, may_truncate)
            for some in _portions(readable)
            for encoding in tokenizer.encode_batch_fast(some)
        )
        return [InvalidInput(reason) if reason else next(read) for reason in reasons]

    def check(self, tokens: Tokens) -> Tokens | InvalidInput:
        """Tokens that the caller read by this tokenizer, if they are of it and not too many."""
        if not tokens.size:
            return InvalidInput("there are no tokens")
        if tokens.min() < 0 or tokens.max() >= self.vocabulary_size:
            return InvalidInput(
                f"the tokens are from {tokens.min()} to {tokens.max()}, and the model's from 0 to "
                f"{self.vocabulary_size - 1}"
            )
        if len(tokens) > self._text.max_length:
            return InvalidInput(
                f"there are {len(tokens)} tokens and the model takes {self._text.max_length}"
            )
        return tokens

    def _checked(self, tokens: list[int], may_truncate: bool) -> Tokens | InvalidInput:
        longest = self._text.max_length
        if len(tokens) > longest:
            remedy = ', or send "truncate": true to have its first tokens taken'
            return InvalidInput(
                f"the text has {len(tokens)} tokens and the model takes {longest}: shorten it"
                + (remedy if may_truncate else "")
            )
        if not tokens:
            return InvalidInput("the text holds nothing that the model's tokenizer knows")
        return np.array(tokens, np.int32)

    @cached_property
    def _truncating(self) -> tokenizers.Tokenizer:
        tokenizer = _tokenizer(self._contents)
        tokenizer.enable_truncation(self._text.max_length)
        return tokenizer


def _tokenizer(contents: str) -> tokenizers.Tokenizer:
    try:
        import tokenizers  # noqa: PLC0415 — only models of texts need it
    except ImportError:
        raise InvalidExport(
            "this export takes texts, which needs tokenizers: pip install 'lutrin[service]'"
        ) from None
    try:
        tokenizer = tokenizers.Tokenizer.from_str(contents)
    except Exception as error:  # its Rust errors are plain Exceptions
        raise InvalidExport(f"tokenizer.json cannot be read: {error}: export it again") from error
    # Files often say how their model was trained: cut and padded. Both are the manifest's to say.
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def _portions(texts: Sequence[str]) -> Iterator[list[str]]:
    """The texts, as many at a time as are of some size together."""
    some: list[str] = []
    size = 0
    for text in texts:
        size += len(text)
        if some and size > _MOST_CHARACTERS:
            yield some
            some, size = [], len(text)
        some.append(text)
    if some:
        yield some


def _unreadable(text: str) -> str:
    """Why a text cannot be read; empty where it can."""
    if not text:
        return "the text is empty"
    if len(text) > _MOST_CHARACTERS:
        return (
            f"the text has {len(text)} characters, and {_MOST_CHARACTERS} are read at most: send "
            "its parts"
        )
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            return (
                f"the text is not Unicode: half a surrogate pair (U+{ord(text[error.start]):04X}) "
                f"stands at character {error.start}"
            )
    return ""
