"""Dropout: while training, a random share of the units is silent."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="lutrin")
class Dropout(keras.layers.Layer):
    """y = x ⊗ m / (1 − rate), with every m 0 with probability `rate` and else 1.

    Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov, 2014, "Dropout: A Simple Way to
    Prevent Neural Networks from Overfitting", JMLR 15, §4. Not as there: what is kept is scaled in
    training (§10 names it), so that E[y] = x and inference, where y = x, needs no scale.

    Args:
        rate: the probability of silence, from 0 to below 1.
        seed: of the layer's own random numbers; None takes one from Keras' global seed.
        kwargs: `name`, `dtype` and what else any Keras layer takes.

    Shapes: inputs of any shape; outputs the same, in the compute dtype.

    Raises:
        ValueError: `rate` is out of range.
    """

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not 0 <= rate < 1:
            raise ValueError(f"rate must be from 0 to below 1; received {rate!r}")
        self.rate = rate
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.supports_masking = True

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Nothing to make: there are no weights."""

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Any shape → the same shape."""
        if not training or self.rate == 0:
            return inputs
        # float32 whatever the compute dtype: bfloat16 has too few numbers in 0–1 for an exact rate
        draws = keras.random.uniform(ops.shape(inputs), dtype="float32", seed=self.seed_generator)
        return ops.where(draws >= self.rate, inputs / (1 - self.rate), ops.zeros_like(inputs))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The inputs' shape."""
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        """The arguments that make this layer again."""
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}
