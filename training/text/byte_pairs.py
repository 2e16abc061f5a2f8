"""Byte pairs: a tokenizer learnt from the texts themselves, kept as a `tokenizer.json`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

PADDING: Final = "[PAD]"
"""The token 0."""
START: Final = "[CLS]"
"""Stands before every text, so that none is empty."""

_SINGULAR: Final = (
    normalizers.Replace(Regex(r"(?<=[a-z]{2})ies\b"), "y"),
    normalizers.Replace(Regex(r"(?<=[a-z]{2}[^'’isu])s\b"), ""),
)
"""Makes one token of "fly" and "flies", "cat" and "cats", as Harman's S stemmer (1991) does."""


@dataclass(frozen=True)
class BytePairs:
    """Texts → tokens: bytes, of which the pairs that stand together most often become one.

    Sennrich, Haddow and Birch, 2016, "Neural Machine Translation of Rare Words with Subword Units"
    (arXiv:1508.07909), §3.2, on bytes as in GPT-2 (Radford et al., 2019, §2.2) and CLIP: no text
    has an unknown character. Letters are made small and lose their accents first,
    and words the s of a plural or a verb.

    Word pieces, as BERT has them, would do as well, but their trainer numbers them differently in
    every process, and then no run could be resumed or measured again.
    """

    json: str
    """The file `tokenizer.json` of Hugging Face's `tokenizers`, which cuts and pads by itself."""

    @classmethod
    def learn(cls, texts: Iterable[str], vocabulary_size: int, max_length: int) -> BytePairs:
        """The tokens that cover some texts best.

        Args:
            texts: what to learn from; their order does not matter, how often each is there does.
            vocabulary_size: tokens at most, at least 258.
            max_length: tokens of a text, the rest of which is cut off.
        """
        tokenizer = Tokenizer(models.BPE())
        tokenizer.normalizer = normalizers.Sequence(
            [normalizers.NFKD(), normalizers.StripAccents(), normalizers.Lowercase(), *_SINGULAR]
        )
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
        trainer = trainers.BpeTrainer(
            vocab_size=vocabulary_size,
            special_tokens=[PADDING, START],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        )
        tokenizer.train_from_iterator(sorted(texts), trainer)
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{START} $A", special_tokens=[(START, tokenizer.token_to_id(START))]
        )
        tokenizer.enable_truncation(max_length)
        tokenizer.enable_padding(pad_id=tokenizer.token_to_id(PADDING), pad_token=PADDING)
        return cls(tokenizer.to_str())

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """What the file describes."""
        return Tokenizer.from_str(self.json)

    @property
    def max_length(self) -> int:
        """Tokens of a text at most.

        Raises:
            ValueError: the file sets no limit.
        """
        truncation = self.tokenizer.truncation
        if truncation is None:
            raise ValueError("the tokenizer cuts no text; expected one that `learn` made")
        return int(truncation["max_length"])

    def __len__(self) -> int:
        """How many tokens there are."""
        size: int = self.tokenizer.get_vocab_size()
        return size

    def encode(self, texts: Sequence[str]) -> NDArray[np.int32]:
        """Tokens int32 (N, T), T that of the longest text, zeros behind."""
        encodings = self.tokenizer.encode_batch(list(texts))
        return np.array([encoding.ids for encoding in encodings], np.int32)
