"""The split loses nothing, and batches repeat themselves by their seed."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from training.data.pipeline import (
    Arrays,
    evaluation_batches,
    split_validation,
    steps_of,
    training_and_validation,
    training_batches,
)
from training.errors import DatasetError
from training.recipe import Recipe


def _examples(count: int) -> Arrays:
    images = np.arange(count, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 1), np.uint8)
    return images, np.arange(count, dtype=np.int64) % 5


def _read(images: tf.Tensor, labels: tf.Tensor, seed: object = None) -> tuple[tf.Tensor, tf.Tensor]:
    del seed
    return tf.cast(images, tf.float32), labels


def _batches(count: int, epoch: int = 0) -> tf.data.Dataset:
    return training_batches(_examples(count), _read, batch_size=8, seed=7, epoch=lambda: epoch)


def test_the_split_holds_out_each_image_once() -> None:
    (images, labels), (held_out, its_labels) = split_validation(_examples(50), 0.2, seed=1)
    assert (len(images), len(held_out)) == (40, 10)
    seen = np.concatenate([images, held_out])[:, 0, 0, 0]
    assert sorted(seen) == list(range(50))
    assert (images[:, 0, 0, 0] % 5 == labels).all()
    other = split_validation(_examples(50), 0.2, seed=2)[1][1]
    assert not np.array_equal(its_labels, other)


def test_an_empty_side_is_refused() -> None:
    with pytest.raises(DatasetError, match="one side empty"):
        split_validation(_examples(4), 0.01, seed=1)


def test_validation_is_held_out_or_the_test_set_as_the_recipe_says() -> None:
    recipe = Recipe(name="a", description="", dataset="mnist", architecture="mlp")
    train, test = _examples(50), _examples(10)
    learnt, validation = training_and_validation(train, test, recipe)
    assert (len(learnt[0]), len(validation[0])) == (45, 5)
    learnt, validation = training_and_validation(train, test, recipe.override(validation="test"))
    assert all(np.array_equal(*rows) for rows in zip(learnt, train, strict=True))
    assert validation is test


def test_a_run_may_learn_from_the_first_images_alone() -> None:
    recipe = Recipe(name="a", description="", dataset="mnist", architecture="mlp", train_images=20)
    train, test = _examples(50), _examples(10)
    learnt, validation = training_and_validation(train, test, recipe)
    assert (len(learnt[0]), len(validation[0])) == (18, 2)
    learnt, validation = training_and_validation(train, test, recipe.override(validation="test"))
    assert np.array_equal(learnt[1], train[1][:20])
    assert validation is test


def test_an_epoch_shows_each_image_once_and_the_next_in_another_order() -> None:
    assert steps_of(_examples(42), 8) == 5
    epochs: list[list[int]] = []
    batches = training_batches(
        _examples(42), _read, batch_size=8, seed=7, epoch=lambda: len(epochs)
    )
    assert batches.cardinality() == 5
    while len(epochs) < 2:
        epochs += [[int(image[0, 0, 0]) for images, _ in batches for image in images]]
    assert [len(set(epoch)) for epoch in epochs] == [40, 40]
    assert epochs[0] != epochs[1]
    again = [int(image[0, 0, 0]) for images, _ in _batches(42, epoch=1) for image in images]
    assert epochs[1] == again


def test_labels_follow_their_images() -> None:
    images, labels = next(iter(_batches(40)))
    assert images.dtype == tf.float32
    assert np.array_equal(labels.numpy(), images.numpy()[:, 0, 0, 0] % 5)


def test_a_run_repeats_itself_and_every_batch_has_a_seed_of_its_own() -> None:
    def augment(images: tf.Tensor, labels: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        del labels
        return tf.cast(images, tf.float32) + tf.cast(seed[0] * 1000 + seed[1] * 100, tf.float32)

    runs = []
    for _ in range(2):
        batches = training_batches(_examples(40), augment, batch_size=8, seed=7, epoch=lambda: 1)
        runs.append([images.numpy() for images in batches])
    assert np.array_equal(runs[0], runs[1])
    assert [int(images.min()) // 100 for images in runs[0]] == [75, 76, 77, 78, 79]


def test_a_batch_larger_than_the_set_is_the_set() -> None:
    assert steps_of(_examples(3), 8) == 1
    assert next(iter(_batches(3)))[0].shape == (3, 2, 2, 1)


def test_evaluation_sees_everything_in_order() -> None:
    rows = [(images.numpy(), labels) for images, labels in evaluation_batches(_examples(7), _read)]
    assert np.concatenate([images for images, _ in rows])[:, 0, 0, 0].tolist() == list(range(7))
    assert np.concatenate([labels for _, labels in rows]).tolist() == [0, 1, 2, 3, 4, 0, 1]
