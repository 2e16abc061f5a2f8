"""Both balls give the nearest point inside, whole tensor or unit by unit, and training stays in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from tests.training.layer_checks import unregistered
from training.layers.dense import Dense
from training.objectives.constraints import L1Ball, L2Ball

ORDERS = [(L1Ball, 1), (L2Ball, 2)]
RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize(("ball", "order"), ORDERS)
def test_inside_nothing_changes_and_outside_the_norm_becomes_the_radius(
    ball: Any, order: int
) -> None:
    constraint = ball(2.0)
    for _ in range(20):
        weights = RANDOM.normal(size=(7, 3)).astype(np.float32)
        weights *= np.float32(RANDOM.uniform(0.1, 10))
        norm = np.linalg.norm(weights.ravel(), order)
        projected = np.asarray(constraint(weights))
        if norm <= 2:
            np.testing.assert_array_equal(projected, weights)
        else:
            assert np.linalg.norm(projected.ravel(), order) == pytest.approx(2, rel=1e-5)
        np.testing.assert_allclose(constraint(projected), projected, atol=1e-6)
    np.testing.assert_array_equal(constraint(np.zeros((7, 3), np.float32)), np.zeros((7, 3)))


@pytest.mark.parametrize(("ball", "order"), ORDERS)
@pytest.mark.parametrize("point", [(1.5, 1.0), (-1.5, 1.0), (0.2, -3.0), (5.0, -5.0), (0.9, 0.05)])
def test_no_point_of_a_fine_grid_of_the_ball_is_nearer(
    ball: Any, order: int, point: tuple[float, float]
) -> None:
    side = np.linspace(-1, 1, 801)
    grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    grid = grid[np.linalg.norm(grid, order, axis=1) <= 1]
    distances = np.linalg.norm(grid - point, axis=1)
    projected = np.asarray(ball(1.0)(np.array(point, np.float32)))
    assert np.linalg.norm(projected - point) <= distances.min() + 1e-6
    np.testing.assert_allclose(projected, grid[distances.argmin()], atol=5e-3)


@pytest.mark.parametrize(("ball", "order"), ORDERS)
def test_in_many_dimensions_no_feasible_step_leads_nearer(ball: Any, order: int) -> None:
    # the nearest point p of a convex set is the one with (w − p)·(z − p) ≤ 0 for all its z
    weights = RANDOM.normal(size=50).astype(np.float32)
    projected = np.asarray(ball(3.0)(weights), np.float64)
    others = RANDOM.normal(size=(2000, 50)) * (RANDOM.random((2000, 50)) < 0.2)
    others *= 3 / np.maximum(np.linalg.norm(others, order, axis=1, keepdims=True), 1e-9)
    others = np.concatenate([others, 3 * np.eye(50), -3 * np.eye(50)])
    assert ((others - projected) @ (weights - projected)).max() <= 1e-4


@pytest.mark.parametrize(("ball", "order"), ORDERS)
def test_an_axis_holds_each_unit_on_its_own(ball: Any, order: int) -> None:
    kernel = RANDOM.normal(0, 2, (3, 4, 5, 6)).astype(np.float32)
    by_filter = np.asarray(ball(1.5, axis=(0, 1, 2))(kernel))
    for unit in range(6):
        alone = np.asarray(ball(1.5)(kernel[..., unit]))
        np.testing.assert_allclose(by_filter[..., unit], alone, atol=1e-6)
    np.testing.assert_allclose(ball(1.5, axis=(2, -4, 1))(kernel), by_filter, atol=1e-6)
    dense = kernel[0, 0]
    norms = np.linalg.norm(ball(1.5, axis=0)(dense), order, axis=0)
    assert norms == pytest.approx(1.5, rel=1e-5)


def test_the_l1_ball_makes_weights_exactly_0_and_the_l2_ball_keeps_directions() -> None:
    weights = RANDOM.normal(size=200).astype(np.float32)
    sparse, short = np.asarray(L1Ball(5.0)(weights)), np.asarray(L2Ball(5.0)(weights))
    assert (sparse == 0).mean() > 0.8
    np.testing.assert_allclose(short / weights, (short / weights)[0], rtol=1e-5)


def test_the_l2_ball_is_keras_max_norm_but_for_its_epsilon() -> None:
    kernel = RANDOM.normal(0, 2, (5, 3)).astype(np.float32)
    theirs = keras.constraints.MaxNorm(1.0, axis=0)(kernel)
    np.testing.assert_allclose(L2Ball(1.0, axis=0)(kernel), theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("ball", "order"), ORDERS)
def test_trained_weights_stay_in_the_ball_and_a_saved_model_keeps_it(
    tmp_path: Path, ball: Any, order: int
) -> None:
    keras.utils.set_random_seed(0)
    inputs = keras.Input((4,))
    layer = Dense(3, kernel_constraint=ball(0.7, axis=0))
    model = keras.Model(inputs, layer(inputs))
    model.compile(keras.optimizers.SGD(0.5), "mse")
    x = RANDOM.normal(size=(32, 4))
    model.fit(x, 10 * x[:, :3], epochs=2, verbose=0)
    norms = np.linalg.norm(np.asarray(layer.kernel), order, axis=0)
    assert norms == pytest.approx(0.7, rel=1e-4)

    model.save(tmp_path / "model.keras")
    by_name = keras.models.load_model(tmp_path / "model.keras")
    with unregistered(Dense, ball) as custom_objects:
        named = keras.models.load_model(tmp_path / "model.keras", custom_objects=custom_objects)
    for again in (by_name, named):
        assert again.layers[-1].kernel_constraint.get_config() == {"radius": 0.7, "axis": [0]}


@pytest.mark.parametrize("ball", [L1Ball, L2Ball])
def test_what_makes_no_ball_is_refused(ball: Any) -> None:
    with pytest.raises(ValueError, match="radius must be above 0; received 0"):
        ball(0)
    with pytest.raises(ValueError, match="axis must be an integer, integers or None"):
        ball(1.0, axis="units")
    with pytest.raises(ValueError, match="axis must be axes of weights of 2 axes"):
        ball(1.0, axis=2)(np.ones((2, 2), np.float32))
