"""Constraints that keep weights in a ball: the notes' ‖W‖ − C ≤ 0, held by projection.

The lecture notes (§3.1, remark 7) write the regularization terms R(W) = ‖W‖₁ − C and ‖W‖₂ − C and
conclude that the weights are bounded by C. Added to a loss, −C is a constant that no gradient sees;
what bounds the weights is the constraint ‖W‖ ≤ C. After every step Keras replaces W by what such a
constraint returns: here the nearest point of the ball, which makes it projected gradient descent.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

Axis = int | Sequence[int] | None


@keras.saving.register_keras_serializable(package="lutrin")
class L1Ball(keras.constraints.Constraint):
    """‖W‖₁ ≤ radius, by Euclidean projection: w ← sign(w) · max(|w| − θ, 0), one θ for the ball.

    Duchi, Shalev-Shwartz, Singer and Chandra, 2008, "Efficient Projections onto the ℓ1-Ball for
    Learning in High Dimensions", ICML, fig. 1 and §4: θ by sorting, O(n log n).

    Args:
        radius: C, above 0.
        axis: the axes that make one vector, as in `keras.constraints.MaxNorm`: 0 holds every
            unit of a dense kernel (D, units) on its own; None holds all weights together.

    Raises:
        ValueError: the radius is not above 0, or `axis` is no integers.
    """

    def __init__(self, radius: float, axis: Axis = None) -> None:
        self.radius = _checked_radius(radius)
        self.axis = _checked_axis(axis)

    def __call__(self, weights: Any) -> Any:
        """The nearest weights inside the ball, of the same shape; to rounding."""
        return _along(self.axis, weights, self._project)

    def _project(self, rows: Any) -> Any:
        """(N, n) → (N, n), each row into the ball."""
        sizes = ops.abs(rows)
        descending = ops.flip(ops.sort(sizes, axis=-1), axis=-1)
        ranks = ops.arange(1, rows.shape[-1] + 1, dtype=rows.dtype)
        thresholds = (ops.cumsum(descending, axis=-1) - self.radius) / ranks
        # those that stay above 0 come first; the last of them gives θ, below 0 inside the ball
        stay = ops.sum(ops.cast(descending > thresholds, "int32"), axis=-1, keepdims=True)
        last = ops.maximum(stay - 1, 0)  # the largest always stays, but for rounding
        theta = ops.take_along_axis(thresholds, last, axis=-1)  # (N, 1)
        return ops.sign(rows) * ops.maximum(sizes - ops.maximum(theta, 0.0), 0.0)

    def get_config(self) -> dict[str, Any]:
        """The arguments that make this constraint again."""
        return {"radius": self.radius, "axis": self.axis}


@keras.saving.register_keras_serializable(package="lutrin")
class L2Ball(keras.constraints.Constraint):
    """‖W‖₂ ≤ radius, by Euclidean projection: w ← w · min(1, radius / ‖W‖₂).

    `keras.constraints.MaxNorm(radius, axis)` does the same, but for an ε in its divisor that also
    shrinks, a little, what is inside.

    Args:
        radius: C, above 0.
        axis: the axes that make one vector, as of `L1Ball`.

    Raises:
        ValueError: the radius is not above 0, or `axis` is no integers.
    """

    def __init__(self, radius: float, axis: Axis = None) -> None:
        self.radius = _checked_radius(radius)
        self.axis = _checked_axis(axis)

    def __call__(self, weights: Any) -> Any:
        """The nearest weights inside the ball, of the same shape; to rounding."""
        return _along(self.axis, weights, self._project)

    def _project(self, rows: Any) -> Any:
        """(N, n) → (N, n), each row into the ball."""
        norms = ops.sqrt(ops.sum(ops.square(rows), axis=-1, keepdims=True))  # (N, 1)
        return rows / ops.maximum(norms / self.radius, 1.0)

    def get_config(self) -> dict[str, Any]:
        """The arguments that make this constraint again."""
        return {"radius": self.radius, "axis": self.axis}


def _along(axis: list[int] | None, weights: Any, project: Callable[[Any], Any]) -> Any:
    """Apply a projection of rows (N, n) to the vectors that `axis` makes of the weights."""
    weights = ops.convert_to_tensor(weights)
    rank = len(weights.shape)
    inner = list(range(rank)) if axis is None else axis
    if any(not -rank <= each < rank for each in inner):
        raise ValueError(f"axis must be axes of weights of {rank} axes; received {axis}")
    inner = sorted(each % rank for each in inner)
    order = [each for each in range(rank) if each not in inner] + inner
    turned = ops.transpose(weights, order)
    length = math.prod(weights.shape[each] for each in inner)
    rows = project(ops.reshape(turned, (-1, length)))  # (N, n)
    back = [int(each) for each in np.argsort(order)]
    return ops.transpose(ops.reshape(rows, turned.shape), back)


def _checked_radius(radius: float) -> float:
    if not radius > 0:
        raise ValueError(f"radius must be above 0; received {radius!r}")
    return float(radius)


def _checked_axis(axis: Axis) -> list[int] | None:
    if axis is None:
        return None
    axes = [axis] if isinstance(axis, int) else list(axis)
    if not axes or not all(isinstance(each, int) for each in axes):
        raise ValueError(f"axis must be an integer, integers or None; received {axis!r}")
    return axes
