"""BERT with a pooling behind it: MiniLM, E5, BGE, GTE and other encoders of sentences.

Reimers and Gurevych, 2019, "Sentence-BERT" (arXiv:1908.10084). The folder's own files say how the
vectors of a text's tokens become one, whether it is normalized, and how long texts may be; see
`training.importers._sentences`.
"""

from __future__ import annotations

from typing import Any, Final

import keras
import numpy as np

from service.manifest import Embeddings, TextInput
from service.preprocessing.tokenizer import Tokenizer
from training.architectures import bert
from training.errors import ExportError
from training.exporting import signatures
from training.importers import Imported, Source, _sentences
from training.importers._folder import ModelFolder
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
    "query": "attention.self.query",
    "key": "attention.self.key",
    "value": "attention.self.value",
    "output": "attention.output.dense",
    "hidden": "intermediate.dense",
    "projection": "output.dense",
    "attention_norm": "attention.output.LayerNorm",
    "feed_forward_norm": "output.LayerNorm",
}
UNUSED: Final = ("pooler.", "cls.", "embeddings.position_ids")
"""What serves other ends: the first token's layer and the heads of the pre-training; and 0, 1, 2 …
"""


def read(source: Source) -> Imported:
    """The encoder of sentences in a folder.

    Raises:
        ExportError: it is none that is known here, or its files do not fit together.
    """
    folder = source.files
    weights = Weights(folder.path, prefix="bert.")
    transformer = _transformer(folder)
    _fill(transformer, weights)
    check_left(weights.left(but=UNUSED))
    tokens, mask = transformer.input["tokens"], keras.Input((None,), dtype="int32", name="mask")
    without_pooler = keras.Model(transformer.input, transformer.output["hidden"], name="bert")
    hidden = without_pooler(
        {
            "tokens": tokens,
            "mask": keras.ops.not_equal(mask, 0),
            "types": keras.ops.zeros_like(tokens),
        }
    )
    model = _sentences.encoder(folder, tokens, mask, hidden)
    text = _sentences.text_input(source, folder.size("max_position_embeddings"))
    return imported(source, model, text, weights)


def imported(source: Source, model: keras.Model, text: TextInput, weights: Weights) -> Imported:
    """How an encoder of sentences is served.

    Args:
        source: where it comes from.
        model: from {`tokens`; `mask`} int32 (B, T) to vectors (B, D).
        text: how texts become tokens.
        weights: what it was filled with.
    """
    folder = source.files
    contents = _sentences.tokenizer(folder, folder.size("vocab_size"))
    embed = signatures.embed_text(model, masked=True)
    inputs = _golden(Tokenizer(contents, text), text)
    answers = signatures.live(embed, inputs)
    width = model.output_shape[-1]
    promise = signatures.embed_text_promise(text, width, masked=True)
    return Imported(
        model=model,
        serving=Serving(
            signatures={"embed_text": Served(embed, promise, inputs)},
            text=text,
            embeddings=Embeddings(normalized=_sentences.steps(folder).normalized),
            tokenizer=contents,
        ),
        answers={"embed_text": answers},
        description=f"Texts as vectors of {width} dimensions: {source.name}.",
        license=folder.license,
        tolerance=tolerance(answers["embeddings"]),
        facts={"sha256": weights.digest()},
    )


def _transformer(folder: ModelFolder) -> keras.Model:
    config = folder.config
    if config.get("position_embedding_type", "absolute") != "absolute":
        raise ExportError(
            f"its positions are {config['position_embedding_type']!r}; known are 'absolute' ones"
        )
    if config.get("is_decoder"):
        raise ExportError("it is a decoder (is_decoder is true); expected an encoder")
    return bert.build(
        folder.size("vocab_size"),
        num_layers=folder.size("num_hidden_layers"),
        hidden_dim=folder.size("hidden_size"),
        num_heads=folder.size("num_attention_heads"),
        mlp_dim=folder.size("intermediate_size"),
        max_length=folder.size("max_position_embeddings"),
        num_types=folder.size("type_vocab_size", 2),
        activation=activation(str(config.get("hidden_act", "gelu"))),
        epsilon=float(config.get("layer_norm_eps", 1e-12)),
    )


def _fill(model: keras.Model, weights: Weights) -> None:
    def layer(name: str) -> Any:
        return model.get_layer(name)

    for ours, theirs in (
        ("token_embedding", "word_embeddings"),
        ("type_embedding", "token_type_embeddings"),
        ("positions", "position_embeddings"),
    ):
        weights.fill(layer(ours).embeddings, f"embeddings.{theirs}.weight")
    fill_norm(weights, layer("embedding_norm"), "embeddings.LayerNorm")
    number = 0
    for block in model.layers:
        if block.name.startswith("encoder_"):
            fill_block(weights, block, f"encoder.layer.{number}", PARTS)
            number += 1


def _golden(tokenizer: Tokenizer, text: TextInput) -> dict[str, np.ndarray[Any, Any]]:
    """The examples as a batch with its mask."""
    rows = tokenizer.encode(_sentences.EXAMPLES, truncate=True)
    known = [row for row in rows if isinstance(row, np.ndarray)]
    length = max(map(len, known))
    tokens = np.full((len(known), length), text.padding, np.int32)
    mask = np.zeros_like(tokens)
    for index, row in enumerate(known):
        tokens[index, : len(row)], mask[index, : len(row)] = row, 1
    return {"tokens": tokens, "mask": mask}
