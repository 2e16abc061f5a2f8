"""Where a dual encoder of few drawings begins: at what can be computed without a step.

From random weights, a few thousand drawings teach an encoder their style and little else. So the
drawings' `looks` begin as linear discriminants, the memory's keys as the looks of each concept, its
meanings and the tokens as latent semantics of the captions; steps then bring them together.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from training.datasets._captioned import Concept
from training.emoji_clip.captions import PHRASES
from training.emoji_clip.discriminants import Discriminants
from training.emoji_clip.latent_semantics import LatentSemantics, explain, said_of
from training.text.byte_pairs import BytePairs

CHANGES: Final = 6
"""Times that each drawing is augmented, beside itself, to see how its examples scatter."""
LOOKS: Final = 0.7
"""How much looks weigh in a vector, where meanings weigh 1."""
RIDGE: Final = 0.1
"""Of the regression of looks by names, against products of at most 1."""
_BATCH: Final = 256

Floats = NDArray[np.float32]


def begin(
    model: keras.Model,
    concepts: tuple[Concept, ...],
    pieces: BytePairs,
    drawings: tuple[NDArray[np.uint8], NDArray[np.int64]],
    change: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
) -> None:
    """Set the weights of an `architectures.clip`.

    Args:
        model: untrained.
        concepts: K of them.
        pieces: the tokenizer.
        drawings: uint8 (M, V, H, W, 3) of the concepts (M,).
        change: augments float32 (B, H, W, 3) by a seed.

    Raises:
        ValueError: the space has more dimensions than there are concepts to fill it.
    """
    encoder = model.get_layer("image_encoder")
    width = encoder.output_shape[-1] // 2
    images, drawn = drawings
    looks = Discriminants.fit(_examples(encoder, images, change), width)
    keys = np.zeros((len(concepts), width), np.float32)
    keys[drawn] = looks.means
    texts = [pieces.encode(concept.terms) for concept in concepts]
    said = said_of(texts, len(pieces))
    meant = LatentSemantics.fit(said, width)

    encoder.get_layer("looks").set_weights([looks.kernel, looks.bias])
    memory = encoder.get_layer("memory")
    memory.kernel.assign(np.where(keys.any(axis=1, keepdims=True), keys, memory.kernel))
    encoder.get_layer("meanings").set_weights([meant.things / LOOKS])
    both = np.concatenate([LOOKS * keys, meant.things], axis=1)
    model.get_layer("concepts").kernel.assign(both / np.linalg.norm(both, axis=1, keepdims=True))
    names = said_of([pieces.encode([concept.name]) for concept in concepts], len(pieces))
    seen = explain(names[drawn], meant.rarity, looks.means, RIDGE)
    balance = LOOKS * _typical(names, meant.tokens) / max(_typical(names, seen), 1e-12)
    words = np.concatenate([balance * seen, meant.tokens], axis=1)
    words[~said.any(axis=0) | said.all(axis=0)] = 0  # said of nothing or of everything
    words[np.unique(pieces.encode([phrase.format("") for phrase in PHRASES]))] = 0
    model.get_layer("text_encoder").get_layer("words").set_weights([words])


def _examples(
    encoder: keras.Model,
    images: NDArray[np.uint8],
    change: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
) -> Floats:
    """Features of every drawing and of its changes: float32 (M, V · (1 + CHANGES), F)."""
    features = keras.Model(encoder.input, encoder.get_layer("features").output)

    @tf.function
    def see(rows: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        pixels = tf.cast(rows, tf.float32)
        changed = [change(pixels, tf.stack([seed, number])) for number in range(CHANGES)]
        return tf.stack([features(each) for each in (pixels, *changed)], axis=1)

    rows = images.reshape(-1, *images.shape[2:])
    seen = [
        see(tf.constant(rows[start : start + _BATCH]), tf.constant(start)).numpy()
        for start in range(0, len(rows), _BATCH)
    ]
    found = np.concatenate(seen)
    return found.reshape(len(images), -1, found.shape[-1])


def _typical(said: NDArray[np.bool_], tokens: Floats) -> float:
    """The typical length of what is said, the sum of its tokens' vectors."""
    return float(np.linalg.norm(said.astype(np.float32) @ tokens, axis=1).mean())
