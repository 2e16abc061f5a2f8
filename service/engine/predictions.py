"""Probabilities to named classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

_FEW: Final = 100
"""Up to this many classes Python sorts them faster than NumPy."""

Probabilities = NDArray[np.float32]


@dataclass(slots=True)  # not frozen: that would triple the cost of making one
class Prediction:
    """One class and its score."""

    label: str
    index: int
    score: float
    """The model's probability, 0–1."""


def top(probabilities: Probabilities, labels: Sequence[str], count: int) -> list[Prediction]:
    """The `count` best classes, the best first, ties in the order of the labels."""
    if len(labels) <= _FEW:
        scores = probabilities.tolist()
        order = sorted(range(len(scores)), key=scores.__getitem__, reverse=True)[:count]
    else:
        order = np.argsort(-probabilities, kind="stable")[:count].tolist()
        scores = {index: float(probabilities[index]) for index in order}
    return [Prediction(labels[index], index, scores[index]) for index in order]
