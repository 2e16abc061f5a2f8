"""The contrastive loss is CLIP's where each has one partner, and wrongs no second partner."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from training.objectives.losses import Contrastive, contrast

RANDOM = np.random.default_rng(0)
LOGITS = RANDOM.normal(0, 3, (5, 5)).astype(np.float32)


def test_with_one_partner_each_it_is_clips() -> None:
    order = [2, 0, 3, 1, 4]
    positives = np.eye(5, dtype=np.float32)[order]
    cross_entropy = keras.losses.CategoricalCrossentropy(from_logits=True)
    expected = (cross_entropy(positives, LOGITS) + cross_entropy(positives.T, LOGITS.T)) / 2
    np.testing.assert_allclose(Contrastive()(positives, LOGITS), expected, rtol=1e-5)


def test_it_is_the_mean_over_the_positives_outside_of_the_logarithm() -> None:
    positives = np.array([[1, 0, 1, 0, 0]], np.float32)
    shares = np.exp(LOGITS[:1]) / np.exp(LOGITS[:1]).sum()
    expected = -(np.log(shares[0, 0]) + np.log(shares[0, 2])) / 2
    np.testing.assert_allclose(contrast(positives, LOGITS[:1]), [expected], rtol=1e-5)


def test_a_second_partner_is_pulled_and_not_pushed() -> None:
    logits = tf.zeros((4, 4))
    twins = np.kron(np.eye(2), np.ones((2, 2))).astype(np.float32)  # 0 and 1 are one thing, 2 and 3
    for positives, is_pulled in ((twins, True), (np.eye(4), False)):
        with tf.GradientTape() as tape:
            tape.watch(logits)
            loss = Contrastive()(positives, logits)
        gradient = tape.gradient(loss, logits).numpy()
        assert bool(gradient[0, 1] < 0) is is_pulled
        assert gradient[0, 2] > 0


def test_rows_and_columns_without_a_partner_say_nothing() -> None:
    positives = np.zeros((3, 4), np.float32)
    positives[0, 1] = 1
    losses = Contrastive(reduction="none")(positives, LOGITS[:3, :4])
    across = contrast(positives.T[1:2], LOGITS[:3, 1:2].T)[0]
    np.testing.assert_allclose(losses[1:], [across / 2] * 2, rtol=1e-5)
    assert np.isfinite(Contrastive()(np.zeros((3, 4), np.float32), LOGITS[:3, :4]))


def test_shapes_that_differ_are_refused_and_its_config_makes_it_again() -> None:
    with pytest.raises(ValueError, match="same shape"):
        Contrastive()(np.eye(3), LOGITS)
    assert isinstance(keras.losses.deserialize(keras.losses.serialize(Contrastive())), Contrastive)
