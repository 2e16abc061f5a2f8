"""stub"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def fit(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Greyscale uint8 (H, W) → the digit as MNIST has it, uint8 (28, 28), light on dark."""
    if picture.shape == (28, 28):
        return picture
    rows = np.linspace(0, picture.shape[0] - 1, 28).astype(int)
    columns = np.linspace(0, picture.shape[1] - 1, 28).astype(int)
    sampled: NDArray[np.uint8] = picture[np.ix_(rows, columns)]
    return sampled
