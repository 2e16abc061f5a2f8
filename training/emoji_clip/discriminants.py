"""Linear discriminants: the directions in which things differ more than their own examples do."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Discriminants:
    """x → x·kernel + bias, in which the examples of one class lie close and classes apart.

    Fisher, 1936, "The Use of Multiple Measurements in Taxonomic Problems", for many classes as Rao,
    1948: features are whitened by the scatter W within the classes, and of what is left the
    principal directions of the classes' means are kept. W is shrunk to W + s · mean(diag W) · I
    (as Ledoit and Wolf, 2004, but s is given): with few examples a class its small eigenvalues are
    chance.
    """

    kernel: Floats
    """(F, D)."""
    bias: Floats
    """(D,): the mean of all examples goes to 0."""
    means: Floats
    """(K, D): where the classes' means go, made length 1."""

    @classmethod
    def fit(cls, examples: Floats, width: int, shrinkage: float = 0.3) -> Discriminants:
        """From as many examples of each class.

        Args:
            examples: float32 (K, M, F), M examples of each of K classes.
            width: D, at most the smaller of K and F.
            shrinkage: s, above 0.

        Raises:
            ValueError: there are fewer classes or features than D.
        """
        classes, _, features = examples.shape
        if width > min(classes, features):
            raise ValueError(
                f"{classes} classes of {features} features have no {width} discriminants; "
                "choose fewer"
            )
        middle = examples.mean(axis=(0, 1))
        means = examples.mean(axis=1) - middle  # (K, F)
        scatter = np.zeros((features, features), np.float32)
        for rows, mean in zip(examples, means + middle, strict=True):  # all at once is too large
            scatter += (rows - mean).T @ (rows - mean)
        scatter /= classes * examples.shape[1]
        values, vectors = np.linalg.eigh(scatter)
        whitening = vectors / np.sqrt(np.maximum(values, 0) + shrinkage * values.mean() + 1e-12)
        _, _, directions = np.linalg.svd(means @ whitening, full_matrices=False)
        kernel = whitening @ directions[:width].T
        placed = means @ kernel
        scale = np.sqrt((placed**2).sum(axis=1).mean())  # typical length of a mean
        lengths = np.maximum(np.linalg.norm(placed, axis=1, keepdims=True), 1e-12)
        return cls(
            (kernel / scale).astype(np.float32),
            (-middle @ kernel / scale).astype(np.float32),
            (placed / lengths).astype(np.float32),
        )
