"""What the reference answers: `transformers` with torch, and sentence-transformers' steps by hand.

torch and transformers come by the extra `parity`; they are imported when first asked.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from tests.references.cases import Inputs

Vectors = NDArray[np.float32]


def sentences(folder: Path, inputs: Inputs) -> Vectors:
    """The vectors of an encoder of sentences: BERT, the pooling, what follows it."""
    import torch
    from transformers import AutoModel

    model = AutoModel.from_pretrained(folder).eval()
    with torch.no_grad():
        hidden = model(
            input_ids=torch.tensor(inputs["tokens"], dtype=torch.long),
            attention_mask=torch.tensor(inputs["mask"], dtype=torch.long),
        ).last_hidden_state
    mask = torch.tensor(inputs["mask"])[..., None].float()
    pooling = json.loads((folder / "1_Pooling/config.json").read_text("utf-8"))
    if pooling["pooling_mode_cls_token"]:
        x = hidden[:, 0]
    elif pooling.get("pooling_mode_max_tokens"):
        x = hidden.masked_fill(mask == 0, -1e9).max(1).values
    else:
        x = (hidden * mask).sum(1) / mask.sum(1).clamp(min=1e-9)
    if (folder / "2_Dense").is_dir():
        tensors = load_file(folder / "2_Dense/model.safetensors")
        kernel, bias = (torch.tensor(tensors[f"linear.{name}"]) for name in ("weight", "bias"))
        x = torch.tanh(torch.nn.functional.linear(x, kernel, bias))
    modules = json.loads((folder / "modules.json").read_text("utf-8"))
    if modules[-1]["type"].endswith("Normalize"):
        x = torch.nn.functional.normalize(x, dim=-1)
    return np.asarray(x)


def texts(folder: Path, inputs: Inputs) -> Vectors:
    """The vectors of CLIP's texts, of length 1."""
    import torch

    with torch.no_grad():
        found = _clip(folder).get_text_features(
            input_ids=torch.tensor(inputs["tokens"], dtype=torch.long),
            attention_mask=torch.tensor(inputs["mask"], dtype=torch.long),
        )
    return _of_length_1(found)


def images(folder: Path, inputs: Inputs) -> Vectors:
    """The vectors of CLIP's images, of length 1; they are already of the model's size."""
    import torch

    said = json.loads((folder / "preprocessor_config.json").read_text("utf-8"))
    x = inputs["images"] / 255.0
    x = (x - np.array(said["image_mean"])) / np.array(said["image_std"])
    pixels = torch.tensor(x.transpose(0, 3, 1, 2).astype(np.float32))
    with torch.no_grad():
        return _of_length_1(_clip(folder).get_image_features(pixel_values=pixels))


def _clip(folder: Path) -> Any:
    from transformers import CLIPModel

    return CLIPModel.from_pretrained(folder).eval()


def _of_length_1(features: Any) -> Vectors:
    import torch

    # a tensor before transformers 5, then an output that holds it
    x = features if torch.is_tensor(features) else features.pooler_output
    return np.asarray(torch.nn.functional.normalize(x, dim=-1))
