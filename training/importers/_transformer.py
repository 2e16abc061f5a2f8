"""What Transformers' tensors are called in Hugging Face's files, and where ours are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from service.manifest import Tolerance
from training.errors import ExportError
from training.importers._weights import Weights
from training.layers.activations import quick_gelu
from training.layers.transformer_encoder_block import TransformerEncoderBlock

ACTIVATIONS: Final[dict[str, str | Callable[[Any], Any]]] = {
    "gelu": "gelu",
    "quick_gelu": quick_gelu,
    "relu": "relu",
}
"""By their name in `config.json`; Keras' `gelu` is the exact one, as there."""

_WIDEST: Final = 0.05
"""The length of the error that bfloat16 may put into a vector of length 1: a cosine of 0.999."""
_PEAK: Final = 4.0
"""The largest of hundreds of errors over their root mean square, as of a normal distribution."""


def activation(name: str) -> str | Callable[[Any], Any]:
    """The activation that `config.json` calls `name`.

    Raises:
        ExportError: it is none of those known.
    """
    if name not in ACTIVATIONS:
        raise ExportError(
            f"config.json names the activation {name!r}; known are {', '.join(ACTIVATIONS)}"
        )
    return ACTIVATIONS[name]


def fill_dense(weights: Weights, layer: Any, name: str) -> None:
    """Fill a dense layer, whose kernel PyTorch keeps transposed."""
    weights.fill(layer.kernel, f"{name}.weight", axes=(1, 0))
    if layer.use_bias:
        weights.fill(layer.bias, f"{name}.bias")


def fill_norm(weights: Weights, layer: Any, name: str) -> None:
    """Fill a layer normalization."""
    weights.fill(layer.alpha, f"{name}.weight")
    weights.fill(layer.beta, f"{name}.bias")


def fill_block(
    weights: Weights, block: TransformerEncoderBlock, name: str, parts: dict[str, str]
) -> None:
    """Fill a block of a Transformer's encoder.

    Args:
        weights: where from.
        block: a built one.
        name: what its tensors' names begin with.
        parts: how they go on: for `query`, `key`, `value`, `output` of the attention, `hidden` and
            `projection` of the network, `attention_norm` and `feed_forward_norm`.
    """
    attention, network = block.attention, block.feed_forward
    for layer, part in (
        (attention.query_projection, "query"),
        (attention.key_projection, "key"),
        (attention.value_projection, "value"),
        (attention.output_projection, "output"),
        (network.hidden, "hidden"),
        (network.output_projection, "projection"),
    ):
        fill_dense(weights, layer, f"{name}.{parts[part]}")
    fill_norm(weights, block.attention_norm, f"{name}.{parts['attention_norm']}")
    fill_norm(weights, block.feed_forward_norm, f"{name}.{parts['feed_forward_norm']}")


def check_left(left: tuple[str, ...]) -> None:
    """Refuse weights that would be left out silently.

    Raises:
        ExportError: there are any.
    """
    if left:
        more = f" and {len(left) - 3} more" if len(left) > 3 else ""
        raise ExportError(
            f"the weights hold {', '.join(map(repr, left[:3]))}{more}, which the architecture has "
            "no place for: this is a variant that is not known here"
        )


def tolerance(*vectors: NDArray[np.float32]) -> Tolerance:
    """How far from the goldens each number of a vector may be.

    What matters of a vector is its direction. bfloat16 may turn it by a cosine of 0.999, which
    spread over D dimensions is 0.05/√D each in the mean and about 4 times that at most; float32
    may differ by 1e-4. Both are of vectors of length 1, and grow with longer ones.
    """
    length = max(float(np.linalg.norm(rows, axis=1).max()) for rows in vectors)
    wide = _PEAK * _WIDEST * vectors[0].shape[1] ** -0.5
    float32, bfloat16 = (float(f"{each * max(1.0, length):.2g}") for each in (1e-4, wide))
    return Tolerance(float32=float32, bfloat16=bfloat16)
