"""The two encoders of a dual encoder's export, for the figures that ask it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from service.manifest import tokenizer_path
from training.errors import DatasetError
from training.text.byte_pairs import BytePairs

_BATCH: Final = 256

Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class Encoders:
    """Images and texts to vectors of one space, rows of length 1."""

    export: tf.Module
    """As it was loaded; its signatures end with it."""
    pieces: BytePairs

    @classmethod
    def load(cls, models: Path, name: str) -> Encoders:
        """Those of a name's newest export.

        Raises:
            DatasetError: there is none.
        """
        exports = [each for each in (models / name).glob("*") if each.name.isdecimal()]
        newest = max(exports, key=lambda each: int(each.name), default=None)
        if newest is None:
            raise DatasetError(
                f"there is no export of {name} in {models}: python -m training train {name}"
            )
        pieces = BytePairs(tokenizer_path(newest).read_text(encoding="utf-8"))
        return cls(tf.saved_model.load(str(newest)), pieces)

    def images(self, images: NDArray[np.uint8]) -> Vectors:
        """Uint8 (N, H, W, 3) → (N, D)."""
        return self._embed(lambda rows: {"images": tf.constant(rows)}, "embed_image", images)

    def texts(self, texts: Sequence[str]) -> Vectors:
        """N texts → (N, D)."""
        tokens = self.pieces.encode(texts)
        return self._embed(lambda rows: {"tokens": tf.constant(rows)}, "embed_text", tokens)

    def _embed(
        self, inputs: Callable[[Any], dict[str, tf.Tensor]], signature: str, rows: NDArray[Any]
    ) -> Vectors:
        embed = self.export.signatures[signature]
        parts = [
            embed(**inputs(rows[start : start + _BATCH]))["embeddings"].numpy()
            for start in range(0, len(rows), _BATCH)
        ]
        return np.concatenate(parts)
