"""A dense layer: every output sees every input."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="lutrin")
class Dense(keras.layers.Layer):
    """y = φ(x·W + b), with φ given by name.

    The kernel W begins as Glorot and Bengio's normal distribution (2010, "Understanding the
    difficulty of training deep feedforward neural networks", AISTATS, §4.2), of variance
    2 / (D + units), and the bias b as zeros.

    Args:
        units: the width of the output.
        activation: φ, by its Keras name or as a function; None for the identity.
        use_bias: False leaves b out.
        kernel_initializer, bias_initializer: how W and b begin, by name or as Keras objects.
        kernel_regularizer: a penalty on W, added to the training loss.
        kernel_constraint: what W is projected by after every step.
        kwargs: `name`, `dtype` and what else any Keras layer takes.

    Shapes: inputs (B, …, D); W (D, units); b (units,); outputs (B, …, units) in the compute dtype.

    Raises:
        ValueError: `units` is no integer of at least 1, or the inputs' last axis has no known size.
    """

    def __init__(
        self,
        units: int,
        activation: Any = None,
        *,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_normal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        kernel_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not isinstance(units, int) or isinstance(units, bool) or units < 1:
            raise ValueError(f"units must be an integer of at least 1; received {units!r}")
        self.units = units
        self.activation = keras.activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.kernel_constraint = keras.constraints.get(kernel_constraint)
        self.supports_masking = True

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make W and b for inputs of this shape."""
        width = input_shape[-1]
        if len(input_shape) < 2 or width is None:
            raise ValueError(
                "a dense layer takes inputs (B, …, D) whose last axis has a known size; "
                f"received the shape {tuple(input_shape)}"
            )
        self.kernel = self.add_weight(
            name="kernel",
            shape=(width, self.units),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias", shape=(self.units,), initializer=self.bias_initializer
            )

    def call(self, inputs: Any) -> Any:
        """(B, …, D) → (B, …, units)."""
        outputs = ops.matmul(inputs, self.kernel)
        if self.use_bias:
            outputs = outputs + self.bias
        return self.activation(outputs)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The inputs' shape with `units` for its last axis."""
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        """The arguments that make this layer again."""
        return {
            **super().get_config(),
            "units": self.units,
            "activation": keras.activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
            "kernel_constraint": keras.constraints.serialize(self.kernel_constraint),
        }
