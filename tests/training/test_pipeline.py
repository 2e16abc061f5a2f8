"""The split loses nothing, and batches repeat themselves by their seed."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from training.datasets import Split
from training.errors import DatasetError
from training.pipeline import evaluation_batches, split_validation, steps_of, training_batches


def _split(count: int) -> Split:
    images = np.arange(count, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 1), np.uint8)
    return Split(images, np.arange(count, dtype=np.int64) % 5)


def test_the_split_holds_out_each_image_once() -> None:
    rest, held_out = split_validation(_split(50), 0.2, seed=1)
    assert (len(rest), len(held_out)) == (40, 10)
    seen = np.concatenate([rest.images, held_out.images])[:, 0, 0, 0]
    assert sorted(seen) == list(range(50))
    assert (rest.images[:, 0, 0, 0] % 5 == rest.labels).all()
    assert not np.array_equal(held_out.labels, split_validation(_split(50), 0.2, seed=2)[1].labels)


def test_an_empty_side_is_refused() -> None:
    with pytest.raises(DatasetError, match="one side empty"):
        split_validation(_split(4), 0.01, seed=1)


def test_an_epoch_shows_each_image_once_and_the_next_in_another_order() -> None:
    batches = training_batches(_split(40), 5, 8, seed=1)
    assert steps_of(_split(40), 8) == 5
    epochs = np.array([images.numpy()[:, 0, 0, 0] for images, _ in batches.take(10)]).reshape(2, -1)
    assert [sorted(epoch) for epoch in epochs] == [list(range(40))] * 2
    assert not np.array_equal(epochs[0], epochs[1])


def test_labels_follow_their_images_as_one_hot() -> None:
    images, labels = next(iter(training_batches(_split(40), 5, 8, seed=1)))
    assert images.dtype == tf.float32
    assert labels.shape == (8, 5)
    assert np.array_equal(labels.numpy().argmax(axis=1), images.numpy()[:, 0, 0, 0] % 5)


def test_a_run_repeats_itself_and_every_batch_has_a_seed_of_its_own() -> None:
    def augment(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        return images + tf.cast(seed[0] * 1000 + seed[1] * 100, tf.float32)

    runs = []
    for _ in range(2):
        batches = training_batches(_split(40), 5, 8, seed=7, augment=augment)
        runs.append([images.numpy() for images, _ in batches.take(6)])
    assert np.array_equal(runs[0], runs[1])
    assert [int(images.min()) // 100 for images in runs[0]] == [70, 71, 72, 73, 74, 75]


def test_a_run_goes_on_where_another_would_be() -> None:
    whole = [images.numpy() for images, _ in training_batches(_split(40), 5, 8, seed=7).take(15)]
    rest = training_batches(_split(40), 5, 8, seed=7, first_epoch=2).take(5)
    assert np.array_equal(whole[10:], [images.numpy() for images, _ in rest])


def test_a_batch_larger_than_the_set_is_the_set() -> None:
    batches = training_batches(_split(3), 5, 8, seed=1)
    assert steps_of(_split(3), 8) == 1
    assert next(iter(batches))[0].shape == (3, 2, 2, 1)


def test_evaluation_sees_everything_in_order() -> None:
    rows = [(images.numpy(), labels.numpy()) for images, labels in evaluation_batches(_split(7), 5)]
    assert np.concatenate([images for images, _ in rows])[:, 0, 0, 0].tolist() == list(range(7))
    assert np.concatenate([labels for _, labels in rows]).shape == (7, 5)
