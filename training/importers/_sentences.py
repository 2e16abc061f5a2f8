"""How `sentence-transformers` makes one vector of a text's tokens, as a folder's files say it.

`modules.json` lists the steps: the Transformer, pooling, perhaps a dense layer, perhaps a
normalization. Each has its own `config.json`.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import keras
from tokenizers import Tokenizer, normalizers

from service.manifest import TextInput
from training.errors import ExportError
from training.importers import Source
from training.importers._folder import ModelFolder
from training.importers._transformer import fill_dense
from training.importers._weights import Weights
from training.layers.dense import Dense
from training.layers.masked_pooling import MaskedPooling, Mode

logger = logging.getLogger(__name__)

EXAMPLES: Final = (
    "The cat sleeps on the warm window sill.",
    "A kitten is napping in the sunshine.",
    "Central banks raised interest rates again.",
    "Yes",
    "Wie komme ich zum Bahnhof? Пожалуйста, 電車で。",
    "Every morning the ferry crosses the bay with commuters, cyclists and a dog that belongs to "
    "nobody; the captain knows all of them by name, and greets the dog first, for it has been "
    "crossing longer than anyone else on board, in fog, in snow, and once on a day without wind "
    "when the engine failed and they drifted, singing, until a fishing boat towed them home.",
)
"""Texts of our own and of different lengths, by which an export is proven."""

_POOLINGS: Final[Mapping[str, Mode]] = {"mean": "mean", "max": "max", "cls": "first"}
_LONG_NAMES: Final = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
_ACTIVATIONS: Final = {"Tanh": "tanh", "Identity": None, "ReLU": "relu", "GELU": "gelu"}
_BEGINNINGS: Final = {
    "E5": {"query": "query: ", "document": "passage: "},
    "BGE": {"query": "Represent this sentence for searching relevant passages: "},
}
"""What only the card of some models says to put before texts, in prose."""


@dataclass(frozen=True)
class Steps:
    """What happens behind the Transformer."""

    pooling: Mode
    normalized: bool
    dense: str | None
    """The folder of a dense layer between the two; None where there is none."""


def steps(folder: ModelFolder) -> Steps:
    """What `modules.json` lists.

    Raises:
        ExportError: a step is none of those known, or they are in another order.
    """
    modules = folder.optional("modules.json")
    if modules is None:
        logger.warning(
            "%s has no modules.json, which says how its tokens' vectors become one: their mean is "
            "taken, not normalized, as sentence-transformers does",
            folder.name,
        )
        return Steps("mean", normalized=False, dense=None)
    found = {str(each["type"]).rpartition(".")[2]: str(each["path"]) for each in modules}
    order = [kind for kind in ("Transformer", "Pooling", "Dense", "Normalize") if kind in found]
    if (
        list(found) != order
        or order[:2] != ["Transformer", "Pooling"]
        or len(modules) != len(found)
    ):
        raise ExportError(
            f"modules.json lists {', '.join(found)}; expected Transformer and Pooling, and behind "
            "them perhaps Dense, perhaps Normalize"
        )
    pooling = _pooling(folder.json(f"{found['Pooling']}/config.json"))
    return Steps(pooling, "Normalize" in found, found.get("Dense"))


def _pooling(config: Mapping[str, Any]) -> Mode:
    modes = [mode for key, mode in _LONG_NAMES.items() if config.get(key)]
    said = config.get("pooling_mode", modes)
    modes = [said] if isinstance(said, str) else list(said)
    if len(modes) != 1 or modes[0] not in _POOLINGS:
        raise ExportError(
            f"the pooling is {' and '.join(map(str, modes)) or 'not said'}; known are "
            f"{', '.join(_POOLINGS)}, one of them alone"
        )
    if config.get("include_prompt") is False:
        raise ExportError(
            "the pooling leaves a prompt's tokens out (include_prompt is false), as INSTRUCTOR "
            "does; that is not known here"
        )
    return _POOLINGS[modes[0]]


def encoder(folder: ModelFolder, tokens: Any, mask: Any, hidden: Any) -> keras.Model:
    """The whole way from tokens to vectors: the Transformer with the steps behind it.

    Args:
        folder: says the steps.
        tokens: the Transformer's input, int32 (B, T).
        mask: its mask, int32 (B, T), 1 at tokens.
        hidden: what it makes of them, (B, T, D).

    Raises:
        ExportError: as `steps`, or the dense layer cannot be filled.
    """
    how = steps(folder)
    seen = keras.ops.not_equal(mask, 0)
    x = MaskedPooling(how.pooling, dtype="float32", name="pooling")(hidden, mask=seen)  # (B, D)
    dense = None if how.dense is None else _dense(folder.json(f"{how.dense}/config.json"))
    x = x if dense is None else dense(x)
    if how.normalized:
        x = keras.layers.UnitNormalization(dtype="float32", name="embeddings")(x)
    model = keras.Model({"tokens": tokens, "mask": mask}, x, name="sentence_encoder")
    if dense is not None:
        fill_dense(Weights(folder.path / str(how.dense)), dense, "linear")
    return model


def _dense(config: Mapping[str, Any]) -> Dense:
    named = str(config.get("activation_function", "Identity")).rpartition(".")[2]
    if named not in _ACTIVATIONS:
        raise ExportError(
            f"the dense layer's activation is {named}; known are {', '.join(_ACTIVATIONS)}"
        )
    return Dense(
        int(config["out_features"]),
        _ACTIVATIONS[named],
        use_bias=bool(config.get("bias", True)),
        dtype="float32",
        name="dense",
    )


def text_input(source: Source, num_positions: int) -> TextInput:
    """How texts become tokens: their most tokens, padding and prompts.

    Args:
        source: its folder says most of it.
        num_positions: tokens that the Transformer takes at most.
    """
    folder = source.files
    said = (folder.optional("sentence_bert_config.json") or {}).get("max_seq_length")
    if not isinstance(said, int):
        said = (folder.optional("tokenizer_config.json") or {}).get("model_max_length")
    longest = said if isinstance(said, int) and said > 0 else num_positions
    prompts = _prompts(folder) if source.prompts is None else dict(source.prompts)
    return TextInput(
        max_length=min(longest, num_positions),
        padding=int(folder.config.get("pad_token_id") or 0),
        prompts=prompts,
    )


def _prompts(folder: ModelFolder) -> dict[str, str]:
    """By what a text is for: `query` and `document`, and what else the folder names."""
    said = folder.optional("config_sentence_transformers.json") or {}
    prompts = {name: text for name, text in (said.get("prompts") or {}).items() if text}
    for other in ("passage", "corpus"):  # what some call a document
        if other in prompts:
            prompts.setdefault("document", prompts.pop(other))
    default = (said.get("prompts") or {}).get(said.get("default_prompt_name"))
    if default:
        logger.warning(
            "%s puts %r before every text by default; here it is put where a request says what "
            "its texts are for",
            folder.name,
            default,
        )
    return prompts or _told_by_the_card(folder)


def _told_by_the_card(folder: ModelFolder) -> dict[str, str]:
    for family, prompts in _BEGINNINGS.items():
        if all(text.strip() in folder.readme for text in prompts.values()):
            logger.warning(
                "%s says in its README only what is put before texts; it reads like that of %s: %s "
                "(--prompt NAME=TEXT says otherwise, --prompt none: nothing)",
                folder.name,
                family,
                ", ".join(f"{name} {text!r}" for name, text in prompts.items()),
            )
            return dict(prompts)
    return {}


def tokenizer(folder: ModelFolder, num_tokens: int) -> str:
    """The contents of the export's `tokenizer.json`: the folder's, less how it cuts and pads.

    Args:
        folder: where it is.
        num_tokens: rows of the embedding.

    Raises:
        ExportError: it cannot be read, or is of a larger vocabulary.
    """
    try:
        reader = Tokenizer.from_str(folder.tokenizer)
    except Exception as error:  # its Rust errors are plain Exceptions
        raise ExportError(f"{folder.path}/tokenizer.json cannot be read: {error}") from error
    largest = max(reader.get_vocab().values())
    if largest >= num_tokens:
        raise ExportError(
            f"tokenizer.json has tokens up to {largest}, and the model vectors for {num_tokens}: "
            "are both of the same model?"
        )
    reader.no_truncation()
    reader.no_padding()
    config = folder.optional("sentence_bert_config.json") or {}
    if config.get("do_lower_case"):  # said in one place or the other
        before = [] if reader.normalizer is None else [reader.normalizer]
        reader.normalizer = normalizers.Sequence([normalizers.Lowercase(), *before])
    return json.dumps(json.loads(reader.to_str()), ensure_ascii=False, separators=(",", ":"))
