"""Our dense layer is Keras' own, given the same weights."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from tests.training.layer_checks import check_layer
from training.layers.dense import Dense

RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize("shape", [(3, 5), (2, 4, 5)])
def test_it_is_a_layer(shape: tuple[int, ...]) -> None:
    inputs = RANDOM.normal(size=shape).astype(np.float32)
    check_layer(lambda: Dense(7, "tanh"), inputs)
    check_layer(lambda: Dense(7, use_bias=False), inputs)


def test_it_equals_keras_own() -> None:
    inputs = RANDOM.normal(size=(6, 5)).astype(np.float32)
    ours, theirs = Dense(4, activation="gelu"), keras.layers.Dense(4, activation="gelu")
    ours(inputs)
    theirs(inputs)
    theirs.set_weights([RANDOM.normal(size=(5, 4)), RANDOM.normal(size=4)])
    ours.set_weights(theirs.get_weights())
    np.testing.assert_allclose(ours(inputs), theirs(inputs), rtol=1e-5, atol=1e-6)


def test_the_kernel_begins_as_glorots_normal_distribution() -> None:
    layer = Dense(300)
    layer.build((None, 500))
    kernel = np.asarray(layer.kernel)
    assert kernel.std() == pytest.approx((2 / 800) ** 0.5, rel=0.02)
    assert kernel.mean() == pytest.approx(0, abs=1e-3)
    assert not np.asarray(layer.bias).any()


def test_penalty_and_constraint_belong_to_the_kernel() -> None:
    layer = Dense(2, kernel_regularizer=keras.regularizers.L2(0.5), kernel_constraint="non_neg")
    layer.build((None, 3))
    layer.kernel.assign(np.full((3, 2), 2.0))
    assert [float(loss) for loss in layer.losses] == [pytest.approx(0.5 * 6 * 4)]
    assert isinstance(layer.kernel.constraint, keras.constraints.NonNeg)
    twin = Dense.from_config(layer.get_config())
    assert twin.kernel_regularizer.get_config() == {"l2": 0.5}


@pytest.mark.parametrize("units", [0, -1, 2.0, True, None])
def test_units_are_counted(units: object) -> None:
    with pytest.raises(ValueError, match=r"units must be an integer of at least 1; received"):
        Dense(units)  # type: ignore[arg-type]  # refused


@pytest.mark.parametrize("shape", [(4,), (None, None)])
def test_a_width_must_be_known(shape: tuple[int | None, ...]) -> None:
    with pytest.raises(ValueError, match="whose last axis has a known size; received the shape"):
        Dense(2).build(shape)
