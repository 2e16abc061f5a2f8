"""OpenAI's CLIP (ViT-B/32, B/16, L/14) and others of its making, as `transformers` keeps it.

Radford et al., 2021 (arXiv:2103.00020). Images are cut and resized by the service as
`preprocessor_config.json` says, and normalized in the graph. Texts need no mask, for attention is
causal and the token that ends a text is the one that is read; what is behind it is never seen, and
is the same token again, as CLIP's own tokenizer pads.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import keras
import numpy as np
from numpy.typing import NDArray

from service.manifest import Embeddings, ImageInput, TextInput
from service.preprocessing.tokenizer import Tokenizer
from training.architectures import openai_clip
from training.errors import ExportError
from training.exporting import goldens, signatures
from training.importers import Imported, Source, _sentences
from training.importers._folder import ModelFolder
from training.importers._images import Preprocessing, preprocessing
from training.importers._transformer import (
    activation,
    check_left,
    fill_block,
    fill_norm,
    tolerance,
)
from training.importers._weights import Weights
from training.tasks import Served, Serving

PARTS: Final = {
    "query": "self_attn.q_proj",
    "key": "self_attn.k_proj",
    "value": "self_attn.v_proj",
    "output": "self_attn.out_proj",
    "hidden": "mlp.fc1",
    "projection": "mlp.fc2",
    "attention_norm": "layer_norm1",
    "feed_forward_norm": "layer_norm2",
}
UNUSED: Final = ("text_model.embeddings.position_ids", "vision_model.embeddings.position_ids")
"""0, 1, 2 …"""

TEXTS: Final[Mapping[str, Any]] = {
    "vocab_size": 49_408,
    "hidden_size": 512,
    "intermediate_size": 2048,
    "num_hidden_layers": 12,
    "num_attention_heads": 8,
    "max_position_embeddings": 77,
    "hidden_act": "quick_gelu",
    "layer_norm_eps": 1e-5,
    "eos_token_id": 49_407,
}
IMAGES: Final[Mapping[str, Any]] = {
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "num_channels": 3,
    "image_size": 224,
    "patch_size": 32,
    "hidden_act": "quick_gelu",
    "layer_norm_eps": 1e-5,
}
"""What `config.json` leaves out, for it tells what differs from these."""

_ANY_END: Final = 2
"""An `eos_token_id` that was written by mistake and means: the largest token there is."""

PROMPT_TEMPLATE: Final = "a photo of a {}."
"""§3.1.4 of the paper."""
EXAMPLES: Final = (
    "a photo of a cat.",
    "two dogs running on the beach",
    "red",
    "a diagram of the water cycle, with clouds over the mountains, rivers that run down to the sea "
    "and arrows that show how the water rises again",
)
NUM_IMAGES: Final = 4
"""Golden images: enough to drive the encoder, and small."""


def read(source: Source) -> Imported:
    """The dual encoder in a folder.

    Raises:
        ExportError: its files do not say what they must, or do not fit together.
    """
    folder = source.files
    texts, images = _part(folder, "text", TEXTS), _part(folder, "vision", IMAGES)
    seen = preprocessing(folder, images)
    weights = Weights(folder.path)
    model = _model(folder, texts, images, seen)
    _fill(model, weights, images["patch_size"])
    check_left(weights.left(but=UNUSED))

    contents = _sentences.tokenizer(folder, texts["vocab_size"])
    text = TextInput(max_length=texts["max_position_embeddings"], padding=_end(contents, texts))
    served = _served(model, seen.image, text, contents)
    answers = {name: signatures.live(each.function, each.inputs) for name, each in served.items()}
    vectors = [each["embeddings"] for each in answers.values()]
    temperature = math.exp(-float(weights.take("logit_scale", ())))
    width = vectors[0].shape[1]
    return Imported(
        model=model,
        serving=Serving(
            signatures=served,
            image=seen.image,
            text=text,
            embeddings=Embeddings(temperature=temperature, prompt_template=PROMPT_TEMPLATE),
            tokenizer=contents,
        ),
        answers=answers,
        description=f"Images and texts as vectors of one space, {width} dimensions: {source.name}.",
        license=folder.license,
        tolerance=tolerance(*vectors),
        facts={"sha256": weights.digest()},
    )


def _part(folder: ModelFolder, name: str, defaults: Mapping[str, Any]) -> dict[str, Any]:
    """What `config.json` says of one encoder; what older files say twice counts the second time."""
    said: dict[str, Any] = dict(defaults)
    for key in (f"{name}_config", f"{name}_config_dict"):
        said |= folder.config.get(key) or {}
    return said


def _model(
    folder: ModelFolder,
    texts: Mapping[str, Any],
    images: Mapping[str, Any],
    seen: Preprocessing,
) -> keras.Model:
    for key in ("hidden_act", "layer_norm_eps"):
        if texts[key] != images[key]:
            raise ExportError(
                f"config.json says {key} {texts[key]!r} of texts and {images[key]!r} of "
                "images; expected the same"
            )
    end = texts["eos_token_id"]
    return openai_clip.build(
        texts["vocab_size"],
        image_shape=(seen.image.height, seen.image.width, seen.image.channels),
        patch_size=images["patch_size"],
        image_layers=images["num_hidden_layers"],
        image_dim=images["hidden_size"],
        image_heads=images["num_attention_heads"],
        image_mlp_dim=images["intermediate_size"],
        text_layers=texts["num_hidden_layers"],
        text_dim=texts["hidden_size"],
        text_heads=texts["num_attention_heads"],
        text_mlp_dim=texts["intermediate_size"],
        max_length=texts["max_position_embeddings"],
        embedding_dim=folder.size("projection_dim", 512),
        end_id=None if end == _ANY_END else end,
        activation=activation(texts["hidden_act"]),
        epsilon=texts["layer_norm_eps"],
        mean=seen.mean,
        std=seen.std,
    )


def _fill(model: keras.Model, weights: Weights, patch_size: int) -> None:
    images, texts = model.get_layer("image_encoder"), model.get_layer("text_encoder")
    before = "vision_model.embeddings"
    # (D, C, P, P) there, (P, P, C, D) here
    kernel = images.get_layer("patches").kernel
    weights.fill(kernel, f"{before}.patch_embedding.weight", axes=(2, 3, 1, 0))
    token = images.get_layer("class_token").token
    token.assign(weights.take(f"{before}.class_embedding", token.shape[-1:])[None, None])
    positions = images.get_layer("positions").embeddings
    weights.fill(positions, f"{before}.position_embedding.weight")
    fill_norm(weights, images.get_layer("norm_before"), "vision_model.pre_layrnorm")
    fill_norm(weights, images.get_layer("norm"), "vision_model.post_layernorm")

    before = "text_model.embeddings"
    tokens = texts.get_layer("token_embedding").embeddings
    weights.fill(tokens, f"{before}.token_embedding.weight")
    weights.fill(texts.get_layer("positions").embeddings, f"{before}.position_embedding.weight")
    fill_norm(weights, texts.get_layer("norm"), "text_model.final_layer_norm")

    for encoder, tower, side in (
        (images, "vision_model", "visual"),
        (texts, "text_model", "text"),
    ):
        blocks = [each for each in encoder.layers if each.name.startswith("block_")]
        for number, block in enumerate(blocks):
            fill_block(weights, block, f"{tower}.encoder.layers.{number}", PARTS)
        kernel = encoder.get_layer("projection").kernel
        weights.fill(kernel, f"{side}_projection.weight", axes=(1, 0))
    weights.fill(model.get_layer("similarity").log_scale, "logit_scale")


def _end(contents: str, texts: Mapping[str, Any]) -> int:
    """The token that ends texts.

    Raises:
        ExportError: the tokenizer puts another one there than `config.json` says.
    """
    (tokens,) = Tokenizer(contents, TextInput(max_length=8)).encode(["a"])
    end = int(tokens[-1]) if isinstance(tokens, np.ndarray) else -1
    expected = (
        texts["vocab_size"] - 1 if texts["eos_token_id"] == _ANY_END else texts["eos_token_id"]
    )
    if end != expected:
        raise ExportError(
            f"tokenizer.json ends a text with the token {end}, and the model reads it at the token "
            f"{expected}: are both of the same model?"
        )
    return end


def _served(
    model: keras.Model, image: ImageInput, text: TextInput, contents: str
) -> dict[str, Served]:
    images, texts = model.get_layer("image_encoder"), model.get_layer("text_encoder")
    width = texts.output_shape[-1]
    pixels = goldens.made(image.height, image.width, image.channels)
    # a gradient, coarse noise, a disc and a cross
    made = pixels[:: len(pixels) // NUM_IMAGES][:NUM_IMAGES]
    return {
        "embed_text": Served(
            signatures.embed_text(texts),
            signatures.embed_text_promise(text, width),
            {"tokens": _golden_tokens(Tokenizer(contents, text), text)},
        ),
        "embed_image": Served(
            signatures.embed_image(images, image),
            signatures.embed_image_promise(image, width),
            {"images": made},
        ),
    }


def _golden_tokens(tokenizer: Tokenizer, text: TextInput) -> NDArray[np.int32]:
    rows = tokenizer.encode(EXAMPLES, truncate=True)
    known = [row for row in rows if isinstance(row, np.ndarray)]
    tokens = np.full((len(known), max(map(len, known))), text.padding, np.int32)
    for index, row in enumerate(known):
        tokens[index, : len(row)] = row
    return tokens
