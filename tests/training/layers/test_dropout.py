"""Dropout silences the asked share in training, keeps the expectation, changes no answer."""

from __future__ import annotations

import numpy as np
import pytest

from tests.training.layer_checks import check_layer
from training.layers.dropout import Dropout


def test_it_is_a_layer() -> None:
    check_layer(lambda: Dropout(0.3, seed=1), np.ones((4, 5), np.float32))
    check_layer(lambda: Dropout(0), np.ones((4, 3, 5), np.float32))


def test_inference_changes_nothing() -> None:
    inputs = np.random.default_rng(0).normal(size=(4, 5)).astype(np.float32)
    np.testing.assert_array_equal(Dropout(0.9)(inputs), inputs)


@pytest.mark.parametrize("rate", [0.2, 0.5, 0.9])
@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_training_silences_a_share_and_keeps_the_expectation(rate: float, policy: str) -> None:
    layer = Dropout(rate, seed=1, dtype=policy)
    outputs = np.asarray(layer(np.ones((400, 500), np.float32), training=True), np.float32)
    silent = outputs == 0
    assert silent.mean() == pytest.approx(rate, abs=0.005)
    assert outputs.mean() == pytest.approx(1, abs=0.02)
    assert outputs[~silent] == pytest.approx(1 / (1 - rate), rel=0.01)


def test_every_step_draws_anew_and_a_seed_repeats_the_run() -> None:
    inputs = np.ones((8, 50), np.float32)
    first, again = Dropout(0.5, seed=7), Dropout(0.5, seed=7)
    steps = [np.asarray(first(inputs, training=True)) for _ in range(2)]
    assert (steps[0] != steps[1]).any()
    for step in steps:
        np.testing.assert_array_equal(again(inputs, training=True), step)


@pytest.mark.parametrize("rate", [-0.1, 1, float("nan")])
def test_a_rate_out_of_range_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="rate must be from 0 to below 1; received"):
        Dropout(rate)
