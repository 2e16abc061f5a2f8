"""Augmentation keeps shape, type and range, repeats itself by its seed, does what it says."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from training.data.augmentation import Augmentation

ALL = Augmentation(
    rotation=15,
    shift=2,
    scale=0.1,
    shear=0.2,
    elastic=1,
    thickness=1.5,
    blur=1,
    contrast=0.4,
    noise=25,
    specks=0.02,
    brightness=0.2,
    saturation=0.5,
    hue=20,
    cutout=4,
)


def _digits(count: int = 16, size: int = 20, channels: int = 1) -> NDArray[np.float32]:
    images = np.zeros((count, size, size, channels), np.float32)
    images[:, 4:-4, size // 2 - 1 : size // 2 + 1] = 255  # a stroke of two pixels
    return images


def _apply(
    augmentation: Augmentation, images: NDArray[np.float32], seed: tuple[int, int] = (1, 2)
) -> NDArray[np.float32]:
    changed: NDArray[np.float32] = augmentation(
        tf.constant(images), tf.constant(seed, tf.int32)
    ).numpy()
    return changed


@pytest.mark.parametrize("channels", [1, 3])
def test_shape_type_and_range_are_kept(channels: int) -> None:
    changed = _apply(ALL, _digits(channels=channels))
    assert changed.shape == (16, 20, 20, channels)
    assert changed.dtype == np.float32
    assert changed.min() >= 0
    assert changed.max() <= 255
    assert np.abs(changed - _digits(channels=channels)).max() > 50


def test_a_seed_repeats_itself_and_another_differs() -> None:
    first, again, other = (_apply(ALL, _digits(), seed) for seed in ((1, 2), (1, 2), (1, 3)))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_images_of_a_batch_are_changed_each_alone() -> None:
    changed = _apply(ALL, _digits())
    assert len({image.tobytes() for image in changed}) == len(changed)


def test_nothing_asked_for_changes_nothing() -> None:
    assert not Augmentation().active
    assert np.array_equal(_apply(Augmentation(), _digits()), _digits())


def test_a_shift_moves_the_centre_of_mass_as_far_as_it_says_at_most() -> None:
    moved = _apply(Augmentation(shift=3), _digits(64))[..., 0]
    columns = (moved.sum(axis=1) * np.arange(20)).sum(axis=1) / moved.sum(axis=(1, 2))
    offsets = columns - 9.5
    assert np.abs(offsets).max() <= 3.01
    assert offsets.min() < -1 < 1 < offsets.max()


def test_strokes_thicken_and_thin() -> None:
    ink = _apply(Augmentation(thickness=1.5), _digits(64)).sum(axis=(1, 2, 3))
    plain = _digits(1).sum()
    assert ink.max() > 1.8 * plain
    assert 0.2 * plain < ink.min() < 0.8 * plain
    assert np.isclose(ink, plain).any()


def test_blur_keeps_the_light() -> None:
    blurred = _apply(Augmentation(blur=1), _digits(64))
    assert np.allclose(blurred.sum(axis=(1, 2, 3)), _digits(1).sum(), rtol=1e-3)
    assert blurred.max(axis=(1, 2, 3)).min() < 220


def test_noise_is_as_strong_as_asked_for_at_most() -> None:
    grey = np.full((200, 16, 16, 1), 128, np.float32)
    deviations = _apply(Augmentation(noise=20), grey).std(axis=(1, 2, 3))
    assert deviations.max() < 23
    assert 0.3 < (deviations == 0).mean() < 0.7


def test_a_flip_mirrors_its_share_of_the_images() -> None:
    images = np.zeros((400, 4, 6, 1), np.float32)
    images[:, :, 0] = 255
    flipped = _apply(Augmentation(flip=0.25), images)[:, 0, :, 0] == [0, 0, 0, 0, 0, 255]
    assert set(flipped.all(axis=1)) == {False, True}
    assert flipped.all(axis=1).mean() == pytest.approx(0.25, abs=0.07)


def test_a_crop_moves_by_whole_pixels_in_every_direction() -> None:
    images = np.zeros((300, 9, 9, 1), np.float32)
    images[:, 4, 4] = 200
    places = np.argwhere(_apply(Augmentation(crop=2), images)[..., 0] == 200)[:, 1:]
    assert len(places) == 300
    assert {tuple(place) for place in places} == {(y, x) for y in range(2, 7) for x in range(2, 7)}


def test_a_cutout_is_a_black_square_that_may_lie_partly_outside() -> None:
    changed = _apply(Augmentation(cutout=6), np.full((300, 16, 20, 3), 200, np.float32))
    black = (changed == 0).all(axis=-1)
    assert set(np.unique(changed)) == {0, 200}
    tall, wide = black.any(axis=2).sum(axis=1), black.any(axis=1).sum(axis=1)
    assert np.array_equal(black.sum(axis=(1, 2)), tall * wide)  # a rectangle
    assert (tall.max(), wide.max()) == (6, 6)
    assert (tall.min(), wide.min()) == (3, 3)  # its centre is inside
    assert black.any(axis=0).all()  # everywhere


def test_new_changes_leave_the_draws_of_the_others_alone() -> None:
    warp = Augmentation(rotation=15, shift=2)
    grey = Augmentation(rotation=15, shift=2, saturation=0.5, hue=90)
    assert np.array_equal(_apply(warp, _digits()), _apply(grey, _digits()))
