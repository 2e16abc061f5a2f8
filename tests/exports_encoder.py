"""A small real dual encoder for the tests: it knows the colours, in words and in images."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tensorflow as tf
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from service.manifest import (
    Embeddings,
    ImageInput,
    Manifest,
    Modality,
    Signature,
    TensorSpec,
    TextInput,
    golden_path,
    tokenizer_path,
)
from tests.exports import convert

COLOURS: Final[Mapping[str, tuple[int, int, int]]] = {
    "red": (255, 0, 0),
    "green": (0, 255, 0),
    "blue": (0, 0, 255),
    "yellow": (255, 255, 0),
    "white": (255, 255, 255),
    "black": (0, 0, 0),
}
WORDS: Final = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", *COLOURS, "a", "photo", "of", "query", "the")
"""The vocabulary: every other word is `[UNK]`."""
WIDTH: Final = 8
LONGEST: Final = 16


def write_encoder(
    folder: Path,
    *,
    modalities: tuple[Modality, ...] = ("text", "image"),
    masked: bool = True,
    converted: bool = True,
    embeddings: Embeddings | None = None,
    prompts: Mapping[str, str] | None = None,
    turned: bool = False,
) -> Manifest:
    """Write an export that brings images and the names of their colours together.

    A text is `[CLS]`, its words, `[SEP]`, at most 16 tokens; its vector is the mean of its words',
    a colour's being that of an image all of that colour. The vectors have 8 dimensions and length
    1, their first four useful by themselves. `turned` reverses the dimensions: another version,
    whose vectors are of no use beside those of the first.
    """
    table = _table()[:, ::-1].copy() if turned else _table()
    functions = {}
    if "text" in modalities:
        functions["embed_text"] = _embed_text(table, masked)
    if "image" in modalities:
        functions["embed_image"] = _embed_image(turned)
    module = tf.Module()
    module.functions = list(functions.values())
    tf.saved_model.save(module, str(folder), signatures=functions)
    image = ImageInput(height=8, width=8, channels=3) if "image" in modalities else None
    text = (
        TextInput(max_length=LONGEST, prompts=dict(prompts or {})) if "text" in modalities else None
    )
    manifest = Manifest(
        description="Knows the colours.",
        image=image,
        text=text,
        embeddings=embeddings
        or Embeddings(min_dimensions=4, temperature=0.05, prompt_template="a photo of {}"),
        signatures={name: _promise(name, image, text, masked) for name in functions},
    )
    manifest.write(folder)
    _write_goldens(folder, functions, masked)
    if text is not None:
        tokenizer_path(folder).write_text(tokenizer_json(), encoding="utf-8")
    if converted:
        for name in functions:
            convert(folder, name)
    return manifest


def _table() -> np.ndarray:
    """The vector of each word: a colour's says the colour, the others' next to nothing."""
    table = np.random.default_rng(4).normal(0, 0.02, (len(WORDS), WIDTH)).astype(np.float32)
    for name, colour in COLOURS.items():
        table[WORDS.index(name)] = _colour_vector(colour)
    return table


def _colour_vector(colour: tuple[int, int, int]) -> np.ndarray:
    """What an image all of one colour has, before it is brought to length 1."""
    centred = np.array(colour, np.float32) / 127.5 - 1
    return np.concatenate([centred, [0.5], 0.1 * centred, [0.1]])


def _embed_image(turned: bool) -> Any:
    @tf.function(input_signature=[tf.TensorSpec([None, 8, 8, 3], tf.uint8, name="images")])
    def embed(images: tf.Tensor) -> dict[str, tf.Tensor]:
        centred = tf.reduce_mean(tf.cast(images, tf.float32), axis=(1, 2)) / 127.5 - 1  # (B, 3)
        ones = tf.ones_like(centred[:, :1])
        vectors = tf.concat([centred, 0.5 * ones, 0.1 * centred, 0.1 * ones], axis=-1)
        vectors = tf.reverse(vectors, [-1]) if turned else vectors
        return {"embeddings": tf.math.l2_normalize(vectors, axis=-1)}

    return embed


def _embed_text(table: np.ndarray, masked: bool) -> Any:
    spec = tf.TensorSpec([None, None], tf.int32)

    def vectors(tokens: tf.Tensor, mask: tf.Tensor) -> dict[str, tf.Tensor]:
        weights = tf.cast(mask, tf.float32)[..., tf.newaxis]
        total = tf.reduce_sum(tf.gather(tf.constant(table), tokens) * weights, axis=1)
        return {"embeddings": tf.math.l2_normalize(total, axis=-1)}

    @tf.function(input_signature=[spec, spec])
    def embed_masked(tokens: tf.Tensor, mask: tf.Tensor) -> dict[str, tf.Tensor]:
        return vectors(tokens, mask)

    @tf.function(input_signature=[spec])
    def embed(tokens: tf.Tensor) -> dict[str, tf.Tensor]:
        return vectors(tokens, tf.cast(tokens != 0, tf.int32))

    return embed_masked if masked else embed


def _promise(
    name: str, image: ImageInput | None, text: TextInput | None, masked: bool
) -> Signature:
    if name == "embed_image":
        assert image is not None
        inputs = image.tensors
    else:
        assert text is not None
        inputs = text.tensors
        if masked:
            inputs = inputs | {"mask": inputs["tokens"]}
    outputs = {"embeddings": TensorSpec(dtype="float32", shape=(None, WIDTH))}
    return Signature(task="embed", inputs=inputs, outputs=outputs)


def tokenizer_json() -> str:
    """The encoder's `tokenizer.json`."""
    vocabulary = {word: number for number, word in enumerate(WORDS)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))  # noqa: S106 — a word
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    contents: str = tokenizer.to_str()
    return contents


def _write_goldens(folder: Path, functions: Mapping[str, Any], masked: bool) -> None:
    tokens = np.array([[2, 4, 3, 0], [2, 10, 11, 3]], np.int32)
    mask = {"mask": (tokens != 0).astype(np.int32)} if masked else {}
    images = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 3), np.uint8)
    inputs = {"embed_text": {"tokens": tokens, **mask}, "embed_image": {"images": images}}
    tensors: dict[str, np.ndarray] = {}
    for name, function in functions.items():
        outputs = function(**inputs[name])
        tensors |= {f"{name}/inputs/{key}": array for key, array in inputs[name].items()}
        tensors |= {f"{name}/outputs/{key}": array.numpy() for key, array in outputs.items()}
    np.savez(golden_path(folder), **tensors)  # type: ignore[arg-type]  # its stub wants no names
