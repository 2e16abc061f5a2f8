"""The scaled hyperbolic tangent of LeNet-5."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="lutrin")
class ScaledTanh(keras.Layer):
    """f(a) = A · tanh(S · a), which maps ±1 to ±1 and bends most there.

    LeCun, Bottou, Bengio and Haffner, 1998, "Gradient-Based Learning Applied to Document
    Recognition", Proc. IEEE 86(11), eq. 6 and appendix A: A = 1.7159 and S = 2/3 give f(±1) = ±1
    and a second derivative that is largest at ±1, so targets of ±1 are reached without saturation.

    Args:
        amplitude: A.
        slope: S.

    Takes and gives floats of any shape.
    """

    def __init__(self, amplitude: float = 1.7159, slope: float = 2 / 3, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if amplitude == 0 or slope == 0:
            raise ValueError(
                "amplitude and slope must not be 0, or nothing passes; "
                f"received amplitude={amplitude}, slope={slope}"
            )
        self.amplitude = amplitude
        self.slope = slope

    def call(self, inputs: Any) -> Any:
        """A · tanh(S · inputs)."""
        return self.amplitude * ops.tanh(self.slope * inputs)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The input's."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {**super().get_config(), "amplitude": self.amplitude, "slope": self.slope}
