"""The perceptron has the parameters of its paper and takes images of any shape."""

from __future__ import annotations

import numpy as np
import pytest

from tests.training.architecture_checks import parameters
from training.architectures import mlp


def test_784_100_100_10_has_89_610_parameters() -> None:
    assert parameters(mlp.build, mlp.VARIANTS["784-100-100-10"])[0] == 89_610


def test_any_image_shape_and_class_count() -> None:
    model = mlp.build((9, 7, 3), 4, hidden_dims=(5,), dropout_rate=0.5)
    assert model(np.full((2, 9, 7, 3), 255, np.float32)).shape == (2, 4)


def test_the_notes_perceptron_drops_inputs_and_hidden_units() -> None:
    model = mlp.build(
        (28, 28, 1),
        10,
        dropout_rate=0.2,
        input_dropout_rate=0.2,
        kernel_initializer="glorot_uniform",
    )
    kinds = [type(layer).__name__ for layer in model.layers[2:]]
    assert kinds == ["Flatten", *["Dropout", "Dense"] * 3]
    assert [layer.rate for layer in model.layers if hasattr(layer, "rate")] == [0.2] * 3


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [({"num_classes": 1}, "num_classes .* received 1"), ({"hidden_dims": (3, 0)}, r"\(3, 0\)")],
)
def test_what_cannot_be_is_refused(arguments: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        mlp.build((8, 8, 1), **{"num_classes": 2, **arguments})  # type: ignore[arg-type] # on purpose
