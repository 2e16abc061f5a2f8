"""What `transformers` and our imports are asked alike: models, and inputs for them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from tests.hugging_face import write_bert, write_clip

Inputs = dict[str, NDArray[Any]]
"""`tokens` and `mask` int32 (B, T), 1 at tokens; and of a dual encoder `images` uint8
(B, H, W, 3)."""

SENTENCES: Final[Mapping[str, Callable[[Path], Path]]] = {
    "bert-mean": write_bert,
    "bert-mean-of-any-length": partial(write_bert, normalize=False),
    "bert-cls": partial(write_bert, pooling="cls"),
    "bert-max": partial(write_bert, pooling="max", hidden_act="relu"),
    "bert-dense": partial(write_bert, dense=12),
}
"""How each folder of an encoder of sentences is written."""

DUAL: Final[Mapping[str, Callable[[Path], Path]]] = {
    "clip": write_clip,
    "clip-small-patches": partial(write_clip, vision={"patch_size": 4, "num_hidden_layers": 1}),
    "clip-of-large-patches": partial(write_clip, vision={"patch_size": 14, "image_size": 56}),
    "clip-of-old": partial(write_clip, text={"eos_token_id": 2}),  # means: the largest token
    "clip-gelu": partial(
        write_clip, text={"hidden_act": "gelu"}, vision={"hidden_act": "gelu", "patch_size": 16}
    ),
}
"""How each folder of a dual encoder is written."""

ALL: Final = {**SENTENCES, **DUAL}


def inputs(folder: Path) -> tuple[Inputs, Inputs | None]:
    """Texts and images of a model's sizes; None where it takes no images."""
    config = json.loads((folder / "config.json").read_text("utf-8"))
    if config["model_type"] == "bert":
        return texts(config["vocab_size"], 2, 3, 0, config["max_position_embeddings"]), None
    text, end = config["text_config"], config["text_config"]["vocab_size"] - 1
    said = texts(end - 1, end - 1, end, end, text["max_position_embeddings"])
    return said, images(config["vision_config"]["image_size"])


def texts(words: int, first: int, last: int, padding: int, most: int) -> Inputs:
    """A mixture of texts of all lengths, with their padding.

    Args:
        words: tokens of texts are below.
        first, last: the token that begins, and that ends, a text.
        padding: what follows.
        most: tokens of a text.
    """
    random = np.random.RandomState(3)
    rows = [
        [first, *random.randint(4, words, min(length, most - 2)), last]
        for length in (7, 3, 20, 2, 12, 1, 0, most)
    ]
    tokens = np.full((len(rows), max(map(len, rows))), padding, np.int32)
    mask = np.zeros_like(tokens)
    for index, row in enumerate(rows):
        tokens[index, : len(row)], mask[index, : len(row)] = row, 1
    return {"tokens": tokens, "mask": mask}


def images(side: int) -> Inputs:
    """Noise, coarse and fine, black, white and a ramp."""
    random = np.random.RandomState(5)
    fine = random.randint(0, 256, (2, side, side, 3))
    coarse = np.kron(random.randint(0, 256, (2, 4, 4, 3)), np.ones((1, side // 4, side // 4, 1)))
    plain = np.stack([np.zeros((side, side, 3)), np.full((side, side, 3), 255)])
    ramp = np.broadcast_to(np.linspace(0, 255, side)[None, :, None, None], (1, side, side, 3))
    return {"images": np.concatenate([fine, coarse, plain, ramp]).astype(np.uint8)}


def digest(folder: Path) -> str:
    """SHA-256 of a folder's weights, whatever the order of their file."""
    whole = hashlib.sha256()
    for name, tensor in sorted(load_file(folder / "model.safetensors").items()):
        whole.update(name.encode() + tensor.tobytes())
    return whole.hexdigest()


def cosines(ours: NDArray[Any], theirs: NDArray[Any]) -> NDArray[np.float64]:
    """Of each row of the one with that of the other."""
    one, other = ours.astype(np.float64), theirs.astype(np.float64)
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    found: NDArray[np.float64] = (one * other).sum(axis=1) / lengths
    return found
