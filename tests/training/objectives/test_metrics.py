"""However the samples are batched, Huber's metric is the weighted mean over them all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.training.layer_checks import unregistered
from training.objectives.metrics import HuberMetric


def _mean(errors: NDArray[Any], weights: NDArray[Any], threshold: float) -> float:
    """The definition, in float64, over everything at once."""
    sizes = np.abs(errors.astype(np.float64))
    losses = np.where(
        sizes <= threshold, sizes**2 / 2, threshold * sizes - threshold * threshold / 2
    )
    weights = np.broadcast_to(
        weights.reshape(weights.shape + (1,) * (losses.ndim - weights.ndim)), losses.shape
    )
    total = weights.sum()
    return float((losses * weights).sum() / total) if total else 0.0


@pytest.mark.parametrize("trial", range(24))
def test_any_batching_gives_the_mean_of_the_whole(trial: int) -> None:
    random = np.random.default_rng(trial)
    count = int(random.integers(1, 60))
    rest = tuple(int(size) for size in random.integers(1, 5, random.integers(0, 3)))
    threshold = float(random.choice([0.3, 1.0, 2.0]))
    y_true, y_pred = random.normal(0, 2, (2, count, *rest)).astype(np.float32)
    axes = int(random.integers(0, len(rest) + 1))
    # each weighted axis whole or of size 1, to be broadcast; a third of the weights 0
    sizes = [size if random.random() < 0.7 else 1 for size in rest[:axes]]
    weights = random.uniform(0, 3, (count, *sizes)).astype(np.float32)
    weights[random.random(weights.shape) < 1 / 3] = 0
    cuts = np.sort(random.integers(0, count + 1, random.integers(0, 8)))  # empty batches as well

    weighted, plain = HuberMetric(threshold), HuberMetric(threshold)
    for part in np.split(np.arange(count), cuts):
        weighted.update_state(y_true[part], y_pred[part], sample_weight=weights[part])
        plain.update_state(y_true[part], y_pred[part])
    errors = y_pred - y_true
    assert float(weighted.result()) == pytest.approx(_mean(errors, weights, threshold), rel=1e-5)
    assert float(plain.result()) == pytest.approx(
        _mean(errors, np.ones(count), threshold), rel=1e-5
    )


def test_one_weight_for_all_changes_nothing() -> None:
    y_true, y_pred = np.random.default_rng(0).normal(size=(2, 6, 3)).astype(np.float32)
    metric, plain = HuberMetric(), HuberMetric()
    metric.update_state(y_true, y_pred, sample_weight=2.5)
    plain.update_state(y_true, y_pred)
    assert float(metric.result()) == pytest.approx(float(plain.result()))


def test_no_sample_and_no_weight_give_0_as_keras_mean_does() -> None:
    metric, mean = HuberMetric(), keras.metrics.Mean()
    assert float(metric.result()) == float(mean.result()) == 0
    metric.update_state(np.ones((2, 3)), np.zeros((2, 3)), sample_weight=np.zeros(2))
    mean.update_state([1.0, 1.0], sample_weight=[0.0, 0.0])
    assert float(metric.result()) == float(mean.result()) == 0


def test_reset_forgets_every_batch() -> None:
    metric = HuberMetric()
    metric.update_state(np.full((4, 2), 9.0), np.zeros((4, 2)))
    metric.reset_state()
    assert float(metric.result()) == 0
    metric.update_state(np.ones((1, 2)), np.zeros((1, 2)))
    assert float(metric.result()) == pytest.approx(0.5)


def test_fit_and_evaluate_report_it_over_the_whole_epoch(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    x, y = random.normal(size=(50, 3)), random.normal(0, 3, (50, 2))
    weights = random.uniform(0, 2, 50)
    inputs = keras.Input((3,))
    model = keras.Model(inputs, keras.layers.Dense(2)(inputs))
    model.compile("sgd", loss="mse", weighted_metrics=[HuberMetric(1.5, name="robust")])
    model.fit(x, y, epochs=1, batch_size=16, verbose=0)
    found = model.evaluate(x, y, batch_size=16, sample_weight=weights, verbose=0, return_dict=True)
    expected = _mean(np.asarray(model(x)) - y, weights, 1.5)
    assert found["robust"] == pytest.approx(expected, rel=1e-4)

    model.save(tmp_path / "model.keras")
    by_name = keras.models.load_model(tmp_path / "model.keras")
    with unregistered(HuberMetric) as custom_objects:
        named = keras.models.load_model(tmp_path / "model.keras", custom_objects=custom_objects)
    for again in (by_name, named):
        same = again.evaluate(x, y, sample_weight=weights, verbose=0, return_dict=True)
        assert same["robust"] == pytest.approx(expected, rel=1e-4)


def test_the_config_makes_it_again() -> None:
    metric = HuberMetric(2.5, name="robust")
    serialized = keras.metrics.serialize(metric)
    json.dumps(serialized)
    again = keras.metrics.deserialize(serialized)
    assert isinstance(again, HuberMetric)
    assert again.get_config() == metric.get_config()
    assert again.threshold == 2.5


def test_what_does_not_fit_is_refused() -> None:
    metric = HuberMetric()
    with pytest.raises(ValueError, match="must have the same shape; received"):
        metric.update_state(np.zeros((4, 1)), np.zeros(4))
    with pytest.raises(ValueError, match="no more axes than y_pred"):
        metric.update_state(np.zeros(4), np.zeros(4), sample_weight=np.ones((4, 1)))
    with pytest.raises(ValueError, match="threshold must be above 0; received 0"):
        HuberMetric(0)
