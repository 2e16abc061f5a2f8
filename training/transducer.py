"""A Transformer put to use: source tokens → target tokens."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from training import decoding
from training.decoding import Scorer


class Transducer:
    """A trained encoder–decoder, parted at its memory, so that a source is encoded once.

    Args:
        model: as `architectures.transformer` builds it, or any with the inputs `source` and
            `target` and the encoder's output in the layer `memory`.
        max_length: the most tokens it writes, END among them.
    """

    def __init__(self, model: keras.Model, max_length: int) -> None:
        self.max_length = max_length
        source, target = model.inputs
        memory = model.get_layer("memory").output
        self._encoder = keras.Model(source, memory)
        self._decoder = keras.Model([source, memory, target], model.outputs[0])

    def greedy(self, source: Any) -> tuple[Any, Any]:
        """Source int32 (B, S) → tokens int32 (B, L), log-probabilities float32 (B,)."""
        return decoding.greedy(self._scorer(source), ops.shape(source)[0], self.max_length)

    def beam(
        self, source: Any, *, num_beams: int = 4, length_penalty: float = 0.6
    ) -> tuple[Any, Any]:
        """Source int32 (B, S) → tokens int32 (B, K, L), scores float32 (B, K), the best first."""
        return decoding.beam(
            self._scorer(source, num_beams),
            ops.shape(source)[0],
            self.max_length,
            num_beams=num_beams,
            length_penalty=length_penalty,
        )

    def _scorer(self, source: Any, num_beams: int = 1) -> Scorer:
        memory = self._encoder(source, training=False)  # (B, S, D)
        sources, memories = (ops.repeat(each, num_beams, axis=0) for each in (source, memory))
        return lambda tokens: self._decoder([sources, memories, tokens], training=False)[:, -1]
