"""Digits as people make them are read behind the fit, and noise is read no worse for it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from benchmarks import digits

ROOT = Path(__file__).parent.parent
EXPORT = ROOT / "models" / "mnist-lenet5" / "1"
DATASETS = Path(os.environ.get("DATASETS_DIR") or ROOT.parent / "shared" / "data")


@pytest.fixture(scope="module")
def classify() -> digits.Classifier:
    return digits.classifier(EXPORT)


@pytest.fixture(scope="module")
def mnist() -> tuple[digits.Pixels, digits.Pixels] | None:
    return digits.mnist_test(DATASETS)


def test_digits_as_people_make_them_are_read(
    classify: digits.Classifier, mnist: tuple[digits.Pixels, digits.Pixels] | None
) -> None:
    accuracy = digits.measure(classify, digits.samples(540, 7, mnist))

    assert accuracy.total(accuracy.fitted) >= 0.97, digits.table(accuracy)
    assert accuracy.total(accuracy.plain) < 0.5  # so the images are no easy ones


def test_noise_is_read_no_worse_behind_the_fit(
    classify: digits.Classifier, mnist: tuple[digits.Pixels, digits.Pixels] | None
) -> None:
    if mnist is None:
        pytest.skip(f"{DATASETS} has no mnist.npz: set DATASETS_DIR")
    images, labels = mnist

    for name, (fitted, plain) in digits.measure_noise(
        classify, (images[:2000], labels[:2000]), seed=1
    ).items():
        # the two differ in a few images of thousands, by chance, either way
        assert fitted >= plain - 0.001, name


def test_the_same_seed_draws_the_same_images() -> None:
    first, second = (list(digits.samples(12, 3, None)) for _ in range(2))

    assert first == second
    assert {sample.source for sample in first} == {"fonts", "freehand"}
    assert [sample.distortion for sample in first[::2]] == list(digits.DISTORTIONS)
