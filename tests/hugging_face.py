"""Small models as Hugging Face's folders hold them, their weights random and always the same."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

Tensors = dict[str, NDArray[np.float32]]

BERT: Final[Mapping[str, Any]] = {
    "model_type": "bert",
    "architectures": ["BertModel"],
    "vocab_size": 62,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "max_position_embeddings": 24,
    "type_vocab_size": 2,
    "hidden_act": "gelu",
    "layer_norm_eps": 1e-12,
    "pad_token_id": 0,
}
CLIP_TEXT: Final[Mapping[str, Any]] = {
    "vocab_size": 514,
    "hidden_size": 24,
    "intermediate_size": 40,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "max_position_embeddings": 20,
    "hidden_act": "quick_gelu",
    "layer_norm_eps": 1e-5,
    "bos_token_id": 512,
    "eos_token_id": 513,
    "pad_token_id": 513,
    "projection_dim": 20,
}
CLIP_VISION: Final[Mapping[str, Any]] = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_channels": 3,
    "image_size": 32,
    "patch_size": 8,
    "hidden_act": "quick_gelu",
    "layer_norm_eps": 1e-5,
    "projection_dim": 20,
}
PREPROCESSOR: Final[Mapping[str, Any]] = {
    "do_resize": True,
    "size": 32,
    "resample": 3,
    "do_center_crop": True,
    "crop_size": 32,
    "do_normalize": True,
    "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_std": [0.26862954, 0.26130258, 0.27577711],
    "feature_extractor_type": "CLIPFeatureExtractor",
}
CLIP_TOKENS: Final = Regex(r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+")


def write_bert(
    folder: Path,
    *,
    pooling: str = "mean",
    normalize: bool = True,
    dense: int | None = None,
    **config: Any,
) -> Path:
    """Write an encoder of sentences as sentence-transformers does.

    Args:
        folder: made here.
        pooling: `mean`, `max` or `cls`.
        normalize: whether vectors become of length 1.
        dense: the width of a dense layer behind the pooling; None for none.
        **config: what differs in `config.json`.
    """
    said = {**BERT, **config}
    folder.mkdir(parents=True)
    _write(folder / "config.json", said)
    save_file(bert_tensors(said), folder / "model.safetensors", {"format": "pt"})
    word_pieces().save(str(folder / "tokenizer.json"))
    steps = ["Transformer", "Pooling"] + ["Dense"] * (dense is not None) + ["Normalize"] * normalize
    paths = ["", *(f"{number}_{step}" for number, step in enumerate(steps) if number)]
    _write(
        folder / "modules.json",
        [
            {"idx": number, "name": str(number), "path": path, "type": f"st.models.{step}"}
            for number, (step, path) in enumerate(zip(steps, paths, strict=True))
        ],
    )
    width = said["hidden_size"]
    flags = {f"pooling_mode_{each}": False for each in ("cls_token", "max_tokens", "mean_tokens")}
    flags[{"cls": "pooling_mode_cls_token"}.get(pooling, f"pooling_mode_{pooling}_tokens")] = True
    _write(folder / "1_Pooling/config.json", {"word_embedding_dimension": width, **flags})
    if dense is not None:
        _write(
            folder / "2_Dense/config.json",
            {
                "in_features": width,
                "out_features": dense,
                "bias": True,
                "activation_function": "torch.nn.modules.activation.Tanh",
            },
        )
        random = Normal(7)
        tensors = {"linear.weight": random(dense, width), "linear.bias": random(dense)}
        save_file(tensors, folder / "2_Dense/model.safetensors")
    _write(folder / "sentence_bert_config.json", {"max_seq_length": 20, "do_lower_case": False})
    card = "---\nlicense: apache-2.0\n---\n# A model\n"
    (folder / "README.md").write_text(card, encoding="utf-8")
    return folder


def write_clip(
    folder: Path,
    *,
    text: Mapping[str, Any] | None = None,
    vision: Mapping[str, Any] | None = None,
    preprocessor: Mapping[str, Any] | None = None,
) -> Path:
    """Write a dual encoder as `transformers` does.

    Args:
        folder: made here.
        text, vision, preprocessor: what differs in the parts of `config.json` and in
            `preprocessor_config.json`.
    """
    texts, images = {**CLIP_TEXT, **(text or {})}, {**CLIP_VISION, **(vision or {})}
    folder.mkdir(parents=True)
    config = {
        "model_type": "clip",
        "architectures": ["CLIPModel"],
        "projection_dim": texts["projection_dim"],
        "logit_scale_init_value": 2.6592,
        "text_config": {"model_type": "clip_text_model", **texts},
        "vision_config": {"model_type": "clip_vision_model", **images},
    }
    _write(folder / "config.json", config)
    save_file(clip_tensors(texts, images), folder / "model.safetensors", {"format": "pt"})
    byte_letters(texts["vocab_size"]).save(str(folder / "tokenizer.json"))
    side = images["image_size"]
    said = {**PREPROCESSOR, "size": side, "crop_size": side, **(preprocessor or {})}
    _write(folder / "preprocessor_config.json", said)
    return folder


class Normal:
    """Normal numbers of a stream that NumPy promises never to change."""

    def __init__(self, seed: int) -> None:
        self._random = np.random.RandomState(seed)

    def __call__(self, *shape: int, around: float = 0.0) -> NDArray[np.float32]:
        """Large enough that each tensor is felt in the end."""
        spread = shape[-1] ** -0.5 * 1.5 if len(shape) > 1 else 0.2
        numbers = around + spread * self._random.standard_normal(shape)
        return numbers.astype(np.float32)

    def dense(self, name: str, outputs: int, inputs: int) -> Tensors:
        """A dense layer, its kernel as PyTorch keeps it."""
        return {f"{name}.weight": self(outputs, inputs), f"{name}.bias": self(outputs)}

    def norm(self, name: str, width: int) -> Tensors:
        """A normalization."""
        return {f"{name}.weight": self(width, around=1.0), f"{name}.bias": self(width)}


def bert_tensors(config: Mapping[str, Any]) -> Tensors:
    """All tensors of BERT, its pooler among them, which no encoder of sentences uses."""
    random, width = Normal(1), config["hidden_size"]
    tensors = {
        f"embeddings.{name}_embeddings.weight": random(config[size], width)
        for name, size in (
            ("word", "vocab_size"),
            ("position", "max_position_embeddings"),
            ("token_type", "type_vocab_size"),
        )
    }
    tensors |= random.norm("embeddings.LayerNorm", width)
    for number in range(config["num_hidden_layers"]):
        layer = f"encoder.layer.{number}"
        for part in ("self.query", "self.key", "self.value", "output.dense"):
            tensors |= random.dense(f"{layer}.attention.{part}", width, width)
        tensors |= random.norm(f"{layer}.attention.output.LayerNorm", width)
        hidden = config["intermediate_size"]
        tensors |= random.dense(f"{layer}.intermediate.dense", hidden, width)
        tensors |= random.dense(f"{layer}.output.dense", width, hidden)
        tensors |= random.norm(f"{layer}.output.LayerNorm", width)
    return tensors | random.dense("pooler.dense", width, width)


def clip_tensors(texts: Mapping[str, Any], images: Mapping[str, Any]) -> Tensors:
    """All tensors of CLIP."""
    random = Normal(2)
    width, side = images["hidden_size"], images["patch_size"]
    before = "vision_model.embeddings"
    positions = (images["image_size"] // side) ** 2 + 1
    tensors = {
        f"{before}.class_embedding": random(width),
        f"{before}.patch_embedding.weight": random(width, images["num_channels"], side, side),
        f"{before}.position_embedding.weight": random(positions, width),
        **random.norm("vision_model.pre_layrnorm", width),
        **_tower(random, "vision_model", images),
        **random.norm("vision_model.post_layernorm", width),
        "visual_projection.weight": random(images["projection_dim"], width),
    }
    width, before = texts["hidden_size"], "text_model.embeddings"
    return tensors | {
        f"{before}.token_embedding.weight": random(texts["vocab_size"], width),
        f"{before}.position_embedding.weight": random(texts["max_position_embeddings"], width),
        **_tower(random, "text_model", texts),
        **random.norm("text_model.final_layer_norm", width),
        "text_projection.weight": random(texts["projection_dim"], width),
        "logit_scale": np.array(np.log(1 / 0.05), np.float32),
    }


def _tower(random: Normal, name: str, config: Mapping[str, Any]) -> Tensors:
    width, hidden = config["hidden_size"], config["intermediate_size"]
    tensors: Tensors = {}
    for number in range(config["num_hidden_layers"]):
        layer = f"{name}.encoder.layers.{number}"
        for part in ("q_proj", "k_proj", "v_proj", "out_proj"):
            tensors |= random.dense(f"{layer}.self_attn.{part}", width, width)
        tensors |= random.dense(f"{layer}.mlp.fc1", hidden, width)
        tensors |= random.dense(f"{layer}.mlp.fc2", width, hidden)
        tensors |= random.norm(f"{layer}.layer_norm1", width)
        tensors |= random.norm(f"{layer}.layer_norm2", width)
    return tensors


def word_pieces() -> Tokenizer:
    """BERT's tokenizer with all letters and a few words."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = ["the", "cat", "dog", "sleeps", "##s", ".", ","]
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *letters, *(f"##{each}" for each in letters)]
    vocabulary = {piece: index for index, piece in enumerate(dict.fromkeys(pieces + words))}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))  # noqa: S106 — no secret
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    tokenizer.enable_truncation(8)  # as folders have it: an export must not
    tokenizer.enable_padding(length=8)
    return tokenizer


def byte_letters(size: int = 514) -> Tokenizer:
    """CLIP's tokenizer without any merged pair: a token a byte, and another for a word's last.

    Args:
        size: of the vocabulary, filled up before the last two tokens with some that never come.
    """
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    pieces = [*alphabet, *(f"{each}</w>" for each in alphabet)]
    start, end = "<|startoftext|>", "<|endoftext|>"
    pieces += [f"never{number}" for number in range(size - 2 - len(pieces))]
    pieces += [start, end]
    vocabulary = {piece: index for index, piece in enumerate(pieces)}
    tokenizer = Tokenizer(models.BPE(vocabulary, [], unk_token=end, end_of_word_suffix="</w>"))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(CLIP_TOKENS, "removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    tokenizer.post_processor = processors.RobertaProcessing(
        (end, size - 1), (start, size - 2), trim_offsets=False, add_prefix_space=False
    )
    return tokenizer


def _write(path: Path, contents: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(contents, indent=2), encoding="utf-8")
