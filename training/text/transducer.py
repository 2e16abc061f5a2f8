"""A Transformer put to use: source tokens → target tokens."""

from __future__ import annotations

from typing import Any, Final

import keras
from keras import ops

from training.text import beam_search
from training.text.beam_search import Scorer

MEMORY: Final = "memory"
"""The layer that gives the encoder's output."""


class Transducer:
    """A trained encoder–decoder, parted at its memory, so that a source is encoded once.

    Args:
        model: as `architectures.transformer` builds it, or any with the inputs `source` and
            `target` and the encoder's output in the layer `memory`.
        max_length: the most tokens it writes, END among them.
    """

    def __init__(self, model: keras.Model, max_length: int) -> None:
        self.max_length = max_length
        # the same layers called once more, for Keras leaves a model that it parts unfit for saving
        twin = keras.models.clone_model(model, clone_function=_same)
        source, target = twin.inputs
        memory = twin.get_layer(MEMORY).output
        self._encoder = keras.Model(source, memory)
        self._decoder = keras.Model([source, memory, target], twin.outputs[0])

    def greedy(self, source: Any) -> tuple[Any, Any]:
        """Source int32 (B, S) → tokens int32 (B, L), log-probabilities float32 (B,)."""
        return beam_search.greedy(self._scorer(source), ops.shape(source)[0], self.max_length)

    def beam(
        self, source: Any, *, num_beams: int = 4, length_penalty: float = 0.6
    ) -> tuple[Any, Any]:
        """Source int32 (B, S) → tokens int32 (B, K, L), scores float32 (B, K), the best first."""
        return beam_search.beam(
            self._scorer(source, num_beams),
            ops.shape(source)[0],
            self.max_length,
            num_beams=num_beams,
            length_penalty=length_penalty,
        )

    def _scorer(self, source: Any, num_beams: int = 1) -> Scorer:
        memory = self._encoder(source, training=False)  # (B, S, D)
        sources, memories = (ops.repeat(each, num_beams, axis=0) for each in (source, memory))

        def score(tokens: Any, step: Any) -> Any:
            logits = self._decoder([sources, memories, tokens], training=False)  # (R, L, V)
            return ops.take(logits, step, axis=1)

        return score


def _same(layer: keras.Layer) -> keras.Layer:
    """The layer itself; only the memory's, which has no weights, anew: its output is then one."""
    return keras.layers.Identity(name=MEMORY) if layer.name == MEMORY else layer
