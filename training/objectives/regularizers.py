"""Penalties on weights that are added to the training loss."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="lutrin")
class L1(keras.regularizers.Regularizer):
    """R(W) = factor · Σ|w|: draws weights to 0 with the same force however small, so many reach it.

    Equal to `keras.regularizers.L1(factor)`.

    Args:
        factor: λ, at least 0.

    Raises:
        ValueError: the factor is negative or no finite number.
    """

    def __init__(self, factor: float = 0.01) -> None:
        self.factor = _checked("factor", factor)

    def __call__(self, weights: Any) -> Any:
        """The penalty, a scalar, for weights of any shape."""
        return self.factor * ops.sum(ops.abs(weights))

    def get_config(self) -> dict[str, Any]:
        """The arguments that make this regularizer again."""
        return {"factor": self.factor}


@keras.saving.register_keras_serializable(package="lutrin")
class L2(keras.regularizers.Regularizer):
    """R(W) = factor · Σw²: draws weights to 0 with a force like their size.

    Equal to `keras.regularizers.L2(factor)`: the square of the ℓ2 norm, not the norm itself.

    Args:
        factor: λ, at least 0.

    Raises:
        ValueError: the factor is negative or no finite number.
    """

    def __init__(self, factor: float = 0.01) -> None:
        self.factor = _checked("factor", factor)

    def __call__(self, weights: Any) -> Any:
        """The penalty, a scalar, for weights of any shape."""
        return self.factor * ops.sum(ops.square(weights))

    def get_config(self) -> dict[str, Any]:
        """The arguments that make this regularizer again."""
        return {"factor": self.factor}


@keras.saving.register_keras_serializable(package="lutrin")
class L1L2(keras.regularizers.Regularizer):
    """R(W) = l1 · Σ|w| + l2 · Σw².

    Zou and Hastie, 2005, "Regularization and variable selection via the elastic net", J. R.
    Statist. Soc. B 67(2), eq. 3. Equal to `keras.regularizers.L1L2(l1, l2)`.

    Args:
        l1: the factor of the first sum, at least 0.
        l2: the factor of the second, at least 0.

    Raises:
        ValueError: a factor is negative or no finite number.
    """

    def __init__(self, l1: float = 0.0, l2: float = 0.0) -> None:
        self.l1 = _checked("l1", l1)
        self.l2 = _checked("l2", l2)

    def __call__(self, weights: Any) -> Any:
        """The penalty, a scalar, for weights of any shape."""
        return self.l1 * ops.sum(ops.abs(weights)) + self.l2 * ops.sum(ops.square(weights))

    def get_config(self) -> dict[str, Any]:
        """The arguments that make this regularizer again."""
        return {"l1": self.l1, "l2": self.l2}


def _checked(name: str, factor: float) -> float:
    number = isinstance(factor, int | float) and not isinstance(factor, bool)
    if not number or not math.isfinite(factor) or factor < 0:
        raise ValueError(f"{name} must be a finite number of at least 0; received {factor!r}")
    return float(factor)
