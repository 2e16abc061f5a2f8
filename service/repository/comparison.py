"""How the answers of a shadow differ from those that were given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.runtimes import Tensors


class Comparison:
    """Counts what became of the calls that a shadow was asked too."""

    def __init__(self) -> None:
        self.compared = 0
        """Answers that were compared, each a row of probabilities or the tensors of one call."""
        self.different = 0
        """Those of them that differ: in the best class, or by more than the tolerance."""
        self.failed = 0
        """Calls that the shadow could not answer."""
        self.dropped = 0
        """Calls it was not asked, since it was busy with earlier ones."""
        self.largest_difference = 0.0
        """The largest absolute difference between two numbers of the answers."""

    def classified(
        self,
        ours: Sequence[NDArray[Any]],
        theirs: Sequence[NDArray[Any]],
        our_labels: Sequence[str],
        their_labels: Sequence[str],
    ) -> int:
        """Compare probabilities row by row; gives how many have another best class."""
        different = 0
        for our, their in zip(ours, theirs, strict=True):
            different += our_labels[int(our.argmax())] != their_labels[int(their.argmax())]
            self._note(_distance(our, their))
        self._count(len(ours), different)
        return different

    def inferred(self, ours: Tensors, theirs: Tensors, tolerance: float) -> int:
        """Compare the tensors of one call; gives 1 where any is further away than `tolerance`."""
        distances = [_distance(ours[name], theirs[name]) for name in ours if name in theirs]
        for distance in distances:
            self._note(distance)
        different = len(distances) < len(ours) or any(each > tolerance for each in distances)
        self._count(1, int(different))
        return int(different)

    def _count(self, compared: int, different: int) -> None:
        self.compared += compared
        self.different += different

    def _note(self, distance: float) -> None:
        if np.isfinite(distance):
            self.largest_difference = max(self.largest_difference, distance)


def _distance(ours: NDArray[Any], theirs: NDArray[Any]) -> float:
    """The largest absolute difference; infinite where the two are not of one shape or kind."""
    if ours.shape != theirs.shape:
        return np.inf
    if not (_is_numeric(ours) and _is_numeric(theirs)):
        return 0.0 if np.array_equal(ours, theirs) else np.inf
    if not ours.size:
        return 0.0
    left, right = ours.astype(np.float64), theirs.astype(np.float64)
    same = (left == right) | (np.isnan(left) & np.isnan(right))
    with np.errstate(invalid="ignore"):
        apart = np.where(same, 0.0, np.abs(left - right))
    return float(np.where(np.isnan(apart), np.inf, apart).max())


def _is_numeric(array: NDArray[Any]) -> bool:
    # Of kind V is bfloat16, which turns into float64 as the others do.
    return array.dtype.kind in "biuf" or array.dtype.name == "bfloat16"
