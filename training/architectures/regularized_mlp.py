"""A multilayer perceptron under every regularization of the course, in layers of our own.

The lecture notes, §3: penalties ℓ1, ℓ2 and both on the kernels, kernels held in an ℓ1 or ℓ2 ball,
dropout, and batch normalization before each rectifier. Holding each unit's weights in an ℓ2 ball
beside dropout is Srivastava et al., 2014 (JMLR 15), §5.1. With 28×28×1 pixels in 10 classes and the
default widths it has 90,210 parameters, 400 of them moving statistics.

    (dense, batch normalization, rectifier, dropout) for each width; dense → K
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import keras
from keras import layers

from training.layers.batch_normalization import BatchNormalization
from training.layers.dense import Dense
from training.layers.dropout import Dropout
from training.objectives.constraints import L1Ball, L2Ball
from training.objectives.regularizers import L1, L1L2, L2

Norms = Mapping[str, float]
"""Numbers for `l1`, `l2`, both or neither: factors of a penalty, or a ball's radius."""

NORMS: Final = frozenset({"l1", "l2"})


def build(
    image_shape: tuple[int, int, int],
    num_classes: int,
    *,
    hidden_dims: Sequence[int] = (100, 100),
    dropout_rate: float = 0.2,
    penalties: Sequence[Norms] = (),
    balls: Sequence[Norms] = (),
) -> keras.Model:
    """A regularized perceptron for images of any shape.

    Args:
        image_shape: (H, W, C), pixels.
        num_classes: K.
        hidden_dims: the width of each hidden layer, from the input on.
        dropout_rate: the share of units dropped behind each hidden layer while training, 0–1.
        penalties: for each dense layer, the last one too, the factors of its kernel's penalty:
            `{"l1": 1e-6}`, `{"l2": 1e-5}`, both, or `{}` for none; () for none at all.
        balls: for each dense layer the radius of the ball that holds the weights of each of its
            units: `{"l1": 20}`, `{"l2": 3}` or `{}` for none; () for none at all.

    Returns:
        A model from float32 (B, H, W, C), 0–255, to logits (B, K).

    Raises:
        ValueError: `hidden_dims` holds a width below 1, there are fewer than 2 classes, or the
            penalties or balls are not one for each dense layer or not written as above.
    """
    # === Checks ===
    if any(width < 1 for width in hidden_dims):
        raise ValueError(f"hidden_dims are widths of at least 1; received {tuple(hidden_dims)}")
    if num_classes < 2:
        raise ValueError(f"num_classes must be at least 2; received {num_classes}")
    count = len(hidden_dims) + 1
    regularizers = [_penalty(norms) for norms in _for_each("penalties", penalties, count)]
    constraints = [_ball(norms) for norms in _for_each("balls", balls, count)]

    # === Functional model ===
    images = keras.Input(image_shape, name="images")
    x = layers.Rescaling(1 / 255, name="rescaling")(images)
    x = layers.Flatten(name="flatten")(x)  # (B, H·W·C)
    for index, width in enumerate(hidden_dims):
        x = Dense(
            width,
            use_bias=False,  # the normalization's β is one
            kernel_initializer="he_normal",
            kernel_regularizer=regularizers[index],
            kernel_constraint=constraints[index],
            name=f"hidden_{index + 1}",
        )(x)
        x = BatchNormalization(name=f"normalization_{index + 1}")(x)
        x = layers.ReLU(name=f"rectifier_{index + 1}")(x)
        x = Dropout(dropout_rate, name=f"dropout_{index + 1}")(x)
    logits = Dense(
        num_classes,
        kernel_regularizer=regularizers[-1],
        kernel_constraint=constraints[-1],
        dtype="float32",  # under mixed_bfloat16 too: the loss is taken of these
        name="logits",
    )(x)  # (B, K)

    # === Config ===
    return keras.Model(images, logits, name="regularized_mlp")


def _for_each(name: str, given: Sequence[Norms], count: int) -> Sequence[Norms]:
    if not given:
        return ({},) * count
    if len(given) != count:
        raise ValueError(
            f"{name} must be one for each of the {count} dense layers; received {len(given)}"
        )
    for norms in given:
        if not NORMS.issuperset(norms):
            raise ValueError(f"{name} are numbers for l1 and l2; received {dict(norms)}")
    return given


def _penalty(norms: Norms) -> Any:
    if len(norms) == 2:
        return L1L2(**norms)
    if norms:
        return L1(norms["l1"]) if "l1" in norms else L2(norms["l2"])
    return None


def _ball(norms: Norms) -> Any:
    if len(norms) == 2:
        raise ValueError(f"balls are of one norm each, l1 or l2; received {dict(norms)}")
    if norms:
        return L1Ball(norms["l1"], axis=0) if "l1" in norms else L2Ball(norms["l2"], axis=0)
    return None
