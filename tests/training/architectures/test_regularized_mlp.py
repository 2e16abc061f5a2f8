"""The regularized perceptron has each part where it is asked for, and takes any image."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from training.architectures import regularized_mlp
from training.objectives.constraints import L1Ball, L2Ball
from training.objectives.regularizers import L1, L1L2, L2


def test_at_28x28x1_it_has_90_210_parameters() -> None:
    model = regularized_mlp.build((28, 28, 1), 10)
    assert model.count_params() == 90_210
    assert sum(int(np.prod(each.shape)) for each in model.non_trainable_weights) == 400


@pytest.mark.parametrize("shape", [(1, 1, 1), (9, 5, 3)])
def test_any_image_shape_and_class_count(shape: tuple[int, int, int]) -> None:
    model = regularized_mlp.build(shape, 3, hidden_dims=(8,), dropout_rate=0.5)
    logits = np.asarray(model(np.full((2, *shape), 255, np.float32)))
    assert logits.shape == (2, 3)
    assert np.isfinite(logits).all()


def test_in_mixed_bfloat16_the_logits_are_float32() -> None:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = regularized_mlp.build((4, 4, 1), 3, hidden_dims=(6,))
    finally:
        keras.config.set_dtype_policy(before)
    assert model.get_layer("hidden_1").compute_dtype == "bfloat16"
    assert model.output.dtype == "float32"


def test_each_dense_layer_gets_its_penalty_and_its_ball() -> None:
    model = regularized_mlp.build(
        (4, 4, 1),
        3,
        hidden_dims=(6, 5),
        penalties=({"l1": 0.1}, {"l1": 0.2, "l2": 0.3}, {"l2": 0.4}),
        balls=({"l1": 2}, {}, {"l2": 0.5}),
    )
    dense = [model.get_layer(name) for name in ("hidden_1", "hidden_2", "logits")]
    assert [type(layer.kernel_regularizer) for layer in dense] == [L1, L1L2, L2]
    assert [type(layer.kernel_constraint) for layer in dense] == [L1Ball, type(None), L2Ball]
    first, second, last = (np.asarray(layer.kernel) for layer in dense)
    expected = 0.1 * np.abs(first).sum() + 0.4 * np.square(last).sum()
    expected += 0.2 * np.abs(second).sum() + 0.3 * np.square(second).sum()
    assert sum(float(loss) for loss in model.losses) == pytest.approx(expected, rel=1e-5)


def test_after_training_every_unit_is_in_its_ball() -> None:
    model = regularized_mlp.build((4, 4, 1), 3, hidden_dims=(6,), balls=({"l1": 1.5}, {"l2": 0.5}))
    model.compile("adam", "mse")
    random = np.random.default_rng(0)
    model.fit(random.uniform(0, 255, (32, 4, 4, 1)), random.normal(0, 9, (32, 3)), verbose=0)
    sparse, short = (np.asarray(model.get_layer(name).kernel) for name in ("hidden_1", "logits"))
    assert np.abs(sparse).sum(axis=0).max() <= 1.5 * (1 + 1e-5)
    assert np.linalg.norm(short, axis=0).max() <= 0.5 * (1 + 1e-5)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"penalties": ({"l1": 1},)}, "penalties must be one for each of the 3 dense layers"),
        ({"balls": ({}, {}, {"l3": 1})}, "balls are numbers for l1 and l2; received {'l3': 1}"),
        ({"balls": ({}, {}, {"l1": 1, "l2": 1})}, "balls are of one norm each, l1 or l2"),
        ({"hidden_dims": (8, 0)}, "widths of at least 1; received"),
    ],
)
def test_what_makes_no_model_is_refused(arguments: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        regularized_mlp.build((4, 4, 1), 3, **arguments)
