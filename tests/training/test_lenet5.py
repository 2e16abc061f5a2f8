"""LeNet-5 has the parameters of its usual modern form and takes images of any shape."""

from __future__ import annotations

import numpy as np
import pytest

from training.architectures import lenet5


def test_at_28x28x1_it_has_61_706_parameters() -> None:
    model = lenet5.build((28, 28, 1), 10)
    assert model.count_params() == 61_706
    assert model.get_layer("c3").output.shape == (None, 10, 10, 16)
    assert model.get_layer("s4").output.shape == (None, 5, 5, 16)


@pytest.mark.parametrize("shape", [(12, 12, 1), (32, 32, 3), (17, 40, 3)])
def test_any_image_shape_and_class_count(shape: tuple[int, int, int]) -> None:
    model = lenet5.build(shape, 3, activation="tanh", dropout_rate=0.2)
    logits = np.asarray(model(np.full((2, *shape), 255, np.float32)))
    assert logits.shape == (2, 3)
    assert np.isfinite(logits).all()


def test_too_small_an_image_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 12×12 pixels; received 8×28"):
        lenet5.build((8, 28, 1), 10)
