"""Activations that Keras lacks; they register themselves, so that files which name them load."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="lutrin")
def quick_gelu(x: Any) -> Any:
    """x · σ(1.702 x), the cheap GELU of Hendrycks and Gimpel, 2016 (arXiv:1606.08415), §2.

    OpenAI's CLIP was trained with it; it differs from GELU by up to 0.02.
    """
    return x * ops.sigmoid(1.702 * x)
