"""Signatures of an export: functions of the SavedModel that take what a person means.

`classify` takes uint8 pixels and returns probabilities; casting, scaling and the softmax happen in
the graph, so no client has to know how a model was trained. `embed_image` takes the same pixels and
`embed_text` tokens; both return vectors of one space.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, get_args

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from service.manifest import ImageInput, Signature, TensorSpec, TextInput

Scaling = Literal["none", "unit", "symmetric", "imagenet", "caffe"]
"""What pixels x of 0–255 become before the model sees them.

- `none`: x as it is; the model scales itself.
- `unit`: x / 255.
- `symmetric`: x / 127.5 - 1.
- `imagenet`: (x / 255 - mean) / std by channel, as torchvision's models are trained.
- `caffe`: BGR, x - mean by channel, as VGG and the first ResNets are.
"""

Outputs = Literal["logits", "probabilities"]
"""What the model's last layer gives."""

SCALINGS: Final[tuple[Scaling, ...]] = get_args(Scaling)

_IMAGENET_MEAN: Final = (0.485, 0.456, 0.406)
_IMAGENET_STD: Final = (0.229, 0.224, 0.225)
_CAFFE_MEAN: Final = (103.939, 116.779, 123.68)  # blue, green, red


def scale(pixels: tf.Tensor, scaling: Scaling) -> tf.Tensor:
    """Pixels float32 (B, H, W, C), 0–255, as the model was trained to see them."""
    if scaling == "unit":
        return pixels / 255.0
    if scaling == "symmetric":
        return pixels / 127.5 - 1.0
    if scaling == "imagenet":
        return (pixels / 255.0 - tf.constant(_IMAGENET_MEAN)) / tf.constant(_IMAGENET_STD)
    if scaling == "caffe":
        return tf.reverse(pixels, axis=[-1]) - tf.constant(_CAFFE_MEAN)
    return pixels


def to_probabilities(scores: tf.Tensor, outputs: Outputs) -> tf.Tensor:
    """Scores (B, K) of a model → probabilities float32 (B, K).

    A single score is the second of two classes, as binary models are trained: it becomes
    (1 - p, p), where a logit's p is its sigmoid.
    """
    scores = tf.cast(scores, tf.float32)  # mixed precision ends here
    if scores.shape[-1] == 1:
        second = tf.sigmoid(scores) if outputs == "logits" else scores
        return tf.concat([1.0 - second, second], axis=-1)
    return tf.nn.softmax(scores) if outputs == "logits" else scores


def classify(
    model: keras.Model, image: ImageInput, *, scaling: Scaling = "none", outputs: Outputs = "logits"
) -> Callable[..., Mapping[str, tf.Tensor]]:
    """The signature `classify` of a model: `images` uint8 (B, H, W, C) → `probabilities` (B, K)."""
    size = [None, image.height, image.width, image.channels]

    @tf.function(input_signature=[tf.TensorSpec(size, tf.uint8, name="images")])
    def function(images: tf.Tensor) -> dict[str, tf.Tensor]:
        scores = model(scale(tf.cast(images, tf.float32), scaling), training=False)
        return {"probabilities": to_probabilities(scores, outputs)}

    return function  # type: ignore[no-any-return] # TensorFlow ships no types


def classify_promise(image: ImageInput, num_classes: int) -> Signature:
    """What the manifest says of `classify`."""
    size = (None, image.height, image.width, image.channels)
    return Signature(
        task="classify",
        inputs={"images": TensorSpec(dtype="uint8", shape=size)},
        outputs={"probabilities": TensorSpec(dtype="float32", shape=(None, num_classes))},
    )


def embed_image(encoder: keras.Model, image: ImageInput) -> Callable[..., Mapping[str, tf.Tensor]]:
    """The signature `embed_image`: `images` uint8 (B, H, W, C) → `embeddings` (B, D)."""
    size = [None, image.height, image.width, image.channels]

    @tf.function(input_signature=[tf.TensorSpec(size, tf.uint8, name="images")])
    def function(images: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"embeddings": encoder(tf.cast(images, tf.float32), training=False)}

    return function  # type: ignore[no-any-return] # TensorFlow ships no types


def embed_image_promise(image: ImageInput, width: int) -> Signature:
    """What the manifest says of `embed_image`."""
    return _embedding_promise(image.tensors, width)


def embed_text(
    encoder: keras.Model, *, masked: bool = False
) -> Callable[..., Mapping[str, tf.Tensor]]:
    """The signature `embed_text`: `tokens` int32 (B, T) → `embeddings` (B, D).

    Args:
        encoder: takes tokens, padding behind; where `masked`, {`tokens`; `mask`}.
        masked: take `mask` too, int32 (B, T), 1 at tokens and 0 at padding.
    """
    tensor = tf.TensorSpec([None, None], tf.int32, name="tokens")

    @tf.function(input_signature=[tensor])
    def function(tokens: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"embeddings": encoder(tokens, training=False)}

    @tf.function(input_signature=[tensor, tf.TensorSpec([None, None], tf.int32, name="mask")])
    def with_mask(tokens: tf.Tensor, mask: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"embeddings": encoder({"tokens": tokens, "mask": mask}, training=False)}

    return with_mask if masked else function  # type: ignore[no-any-return] # TensorFlow: no types


def embed_text_promise(text: TextInput, width: int, *, masked: bool = False) -> Signature:
    """What the manifest says of `embed_text`."""
    inputs = text.tensors
    return _embedding_promise(inputs | {"mask": inputs["tokens"]} if masked else inputs, width)


def _embedding_promise(inputs: dict[str, TensorSpec], width: int) -> Signature:
    embeddings = TensorSpec(dtype="float32", shape=(None, width))
    return Signature(task="embed", inputs=inputs, outputs={"embeddings": embeddings})


def live(function: Any, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """What the live model answers, computed eagerly and not by the graph that is exported."""
    answers = function.python_function(**{name: tf.constant(rows) for name, rows in inputs.items()})
    return {name: np.asarray(rows) for name, rows in answers.items()}
