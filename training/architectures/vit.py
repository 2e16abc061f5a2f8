"""The Vision Transformer: an image as a sequence of patches, read by a Transformer's encoder.

Dosovitskiy et al., 2021, "An Image Is Worth 16x16 Words: Transformers for Image Recognition at
Scale" (arXiv:2010.11929), §3.1 and table 1; the sizes Ti and S are of Touvron et al., 2021
(arXiv:2012.12877) and Steiner et al., 2022 (arXiv:2106.10270), table 2. With 224×224×3 pixels in
1,000 classes ViT-B/16 has 86,567,656 parameters.

    patches → tokens; class token first; + positions; L × [attention, MLP]; normalize; token 0 → K

The head is the fine-tuned one, a single dense layer that starts at 0; in pre-training the paper has
a hidden layer of tanh before it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import keras
from keras import layers

from training.layers.class_token import ClassToken
from training.layers.dropout import Dropout
from training.layers.layer_normalization import LayerNormalization
from training.layers.learned_positional_encoding import LearnedPositionalEncoding
from training.layers.patch_embedding import PatchEmbedding
from training.layers.transformer_encoder_block import TransformerEncoderBlock

IMAGENET: Final = {"image_shape": (224, 224, 3), "num_classes": 1000}
TI: Final = {"hidden_dim": 192, "num_layers": 12, "num_heads": 3, "mlp_dim": 768}
S: Final = {"hidden_dim": 384, "num_layers": 12, "num_heads": 6, "mlp_dim": 1536}
B: Final = {"hidden_dim": 768, "num_layers": 12, "num_heads": 12, "mlp_dim": 3072}
L: Final = {"hidden_dim": 1024, "num_layers": 24, "num_heads": 16, "mlp_dim": 4096}
VARIANTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "Ti/16": {**IMAGENET, "patch_size": 16, **TI},
    "Ti/32": {**IMAGENET, "patch_size": 32, **TI},
    "S/16": {**IMAGENET, "patch_size": 16, **S},
    "S/32": {**IMAGENET, "patch_size": 32, **S},
    "B/16": {**IMAGENET, "patch_size": 16, **B},
    "B/32": {**IMAGENET, "patch_size": 32, **B},
    "L/16": {**IMAGENET, "patch_size": 16, **L},
    "L/32": {**IMAGENET, "patch_size": 32, **L},
}
"""The papers' sizes, at patches of 16 or 32 pixels."""

EPSILON: Final = 1e-6
"""Of every normalization, as in the authors' code."""


def build(
    image_shape: tuple[int, int, int],
    num_classes: int,
    *,
    patch_size: int = 16,
    hidden_dim: int = 192,
    num_layers: int = 12,
    num_heads: int = 3,
    mlp_dim: int = 768,
    dropout_rate: float = 0.0,
) -> keras.Model:
    """A Vision Transformer for images of any shape that holds whole patches.

    Args:
        image_shape: (H, W, C), pixels.
        num_classes: K.
        patch_size: P, height and width of a patch, pixels.
        hidden_dim: D, the width of a token, a multiple of `num_heads`.
        num_layers: L, blocks.
        num_heads: heads of each attention.
        mlp_dim: the width within each MLP.
        dropout_rate: the share of numbers dropped behind the positions and every dense layer but
            those of queries, keys and values while training, 0–1 (paper's B.1).

    Returns:
        A model from float32 (B, H, W, C), 0–255, to logits (B, K).

    Raises:
        ValueError: the image holds no whole number of patches, the heads do not divide the width,
            there is no layer, or there are fewer than 2 classes.
    """
    # === Checks ===                                   (the layer checks the patches)
    if num_heads < 1 or hidden_dim < 1 or hidden_dim % num_heads:
        raise ValueError(
            f"hidden_dim must be a multiple of num_heads; received {hidden_dim} and {num_heads}"
        )
    if num_layers < 1:
        raise ValueError(f"num_layers must be at least 1; received {num_layers}")
    if num_classes < 2:
        raise ValueError(f"num_classes must be at least 2; received {num_classes}")

    # === Functional model ===                                at 224×224×3, B/16:
    images = keras.Input(image_shape, name="images")
    x = layers.Rescaling(1 / 127.5, offset=-1.0, name="rescaling")(images)  # −1…1
    x = PatchEmbedding(patch_size, hidden_dim, name="patches")(x)  # 196×768
    x = ClassToken(name="class_token")(x)  # 197×768
    near_zero = keras.initializers.RandomNormal(stddev=0.02)
    x = LearnedPositionalEncoding(x.shape[1], near_zero, name="positions")(x)
    x = Dropout(dropout_rate, name="dropout")(x)
    for number in range(1, num_layers + 1):
        x = TransformerEncoderBlock(
            num_heads,
            mlp_dim,
            dropout_rate=dropout_rate,
            activation="gelu",
            norm="pre",
            epsilon=EPSILON,
            mlp_dropout_rate=dropout_rate,
            name=f"block_{number}",
        )(x)
    x = LayerNormalization(epsilon=EPSILON, name="norm")(x)
    head = layers.Dense(num_classes, kernel_initializer="zeros", dtype="float32", name="logits")
    logits = head(x[:, 0])  # (B, K)

    # === Config ===
    return keras.Model(images, logits, name="vit")
